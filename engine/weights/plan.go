package weights

import (
	"cmp"
	"fmt"
	"path"
	"slices"
)

// Quant chooses what happens to the source's numbers.
type Quant string

const (
	QuantKeep Quant = "keep" // nothing is requantised
	QuantQ8   Quant = "q8"   // matrices, embedding and head become q8_0
	QuantQ4   Quant = "q4"   // matrices become q4_0, embedding and head q8_0
	QuantQ4K  Quant = "q4k"  // as q4, but q4_k where rows are whole super-blocks
	QuantQ3   Quant = "q3"   // routed experts become q3_k, other matrices q6_k, embedding and head q8_0; q4_0 and q8_0 where rows are not whole super-blocks
)

// Quants lists them all.
var Quants = []Quant{QuantKeep, QuantQ8, QuantQ4, QuantQ4K, QuantQ3}

// PlanOptions are the choices a plan depends on.
type PlanOptions struct {
	Quant Quant
	// Ignored are patterns (path.Match) of source tensors that no slot needs to
	// read, such as "*.rotary_emb.inv_freq".
	Ignored []string
	// MaxBuffer limits the size of a buffer in bytes; 0 means DefaultBufferSize.
	MaxBuffer int64
}

// Plan is all that is decided about a packed model before a byte of it is
// written: pure data.
type Plan struct {
	Quant   Quant
	Tensors []PlannedTensor // in the order in which they lie in the buffers
	Buffers []BufferSpec
	Formats map[Format]int64 // numbers of the source without FP8 scales, by the packed format that holds them
	Rounded []string         // slots that keep would keep, but whose blocks are turned or cut: they are f16
}

// PlannedTensor is an entry of the tensor table and where its numbers come from.
type PlannedTensor struct {
	Tensor
	Matrices []Parts
	Gain     float64 // see Slot
}

// Bytes is the size of the packed weights.
func (p *Plan) Bytes() int64 {
	var total int64
	for _, b := range p.Buffers {
		total += b.Size
	}
	return total
}

// BuildPlan decides how the slots are packed. It fails unless every slot finds
// its sources with the expected shapes, and every number of every source tensor
// is read exactly once or belongs to an ignored tensor.
func BuildPlan(slots []Slot, inv *Inventory, opts PlanOptions) (*Plan, error) {
	if !slices.Contains(Quants, opts.Quant) {
		return nil, fmt.Errorf("weights: unknown quantisation %q, want one of %v", string(opts.Quant), Quants)
	}
	limit := cmp.Or(opts.MaxBuffer, DefaultBufferSize)
	if limit < PlaneAlign || limit > MaxBufferSize || limit%PlaneAlign != 0 {
		return nil, fmt.Errorf("weights: buffers of %d bytes: want a multiple of %d, at most %d", limit, PlaneAlign, MaxBufferSize)
	}
	plan := &Plan{Quant: opts.Quant, Formats: map[Format]int64{}}
	used := map[string][]View{}
	names := map[string]bool{}
	space := layout{limit: limit}
	for i := range slots {
		slot := &slots[i]
		if err := slot.check(); err != nil {
			return nil, fmt.Errorf("weights: %w", err)
		}
		if names[slot.Name] {
			return nil, fmt.Errorf("weights: slot %s: listed twice", slot.Name)
		}
		names[slot.Name] = true
		if err := checkSources(slot, inv); err != nil {
			return nil, err
		}
		t := planTensor(slot, inv, opts.Quant)
		formats := []Format{t.Format} // of all parts, or of each
		if opts.Quant == QuantKeep {
			if own := partFormats(slot, inv); t.Format == F32 && len(own) > 1 && !slices.Contains(own, F32) {
				formats = own
			}
			if slices.Contains(formats, F16) && !kept(slot, inv) {
				plan.Rounded = append(plan.Rounded, slot.Name)
			}
		}
		if err := space.placeParts(&t.Tensor, formats); err != nil {
			return nil, fmt.Errorf("weights: slot %s: %w", slot.Name, err)
		}
		for _, parts := range slot.Matrices {
			for j, view := range parts {
				used[view.Source] = append(used[view.Source], view)
				plan.Formats[formats[min(j, len(formats)-1)]] += int64(view.Rows) * int64(view.Cols)
			}
		}
		plan.Tensors = append(plan.Tensors, t)
	}
	plan.Buffers = space.buffers
	if err := checkCoverage(inv, used, opts.Ignored); err != nil {
		return nil, err
	}
	return plan, nil
}

// checkSources demands that the slot's sources exist, have the expected shapes
// and types that can be packed.
func checkSources(slot *Slot, inv *Inventory) error {
	for _, parts := range slot.Matrices {
		for _, view := range parts {
			t, ok := inv.Tensor(view.Source)
			if !ok {
				return fmt.Errorf("weights: %s: tensor %s: missing, slot %s needs it with shape %v", inv.Name, view.Source, slot.Name, view.Shape)
			}
			if !slices.Equal(t.Shape, view.Shape) {
				return t.errorf("shape is %v, want %v", t.Shape, view.Shape)
			}
			if _, ok := t.DType.format(); !ok {
				return t.errorf("type %s cannot be packed", t.DType)
			}
			if t.DType == DTypeFP8 && t.Scales == nil {
				return t.errorf("type F8_E4M3 without a tensor %s", t.Name+scaleSuffix)
			}
		}
	}
	return nil
}

// planTensor decides format, padded shape and parts.
func planTensor(slot *Slot, inv *Inventory, quant Quant) PlannedTensor {
	t := PlannedTensor{Tensor: Tensor{Name: slot.Name, Format: chooseFormat(slot, inv, quant)}, Matrices: slot.Matrices, Gain: slot.Gain}
	parts := slot.Matrices[0]
	_, k := parts[0].Size()
	if slot.Kind == Vector {
		t.Shape = []int{k}
		return t
	}
	rows := 0
	for _, view := range parts {
		if t.Format == FP8E4M3 {
			rows = Tiles(rows) * TileElems // a tile belongs to one part
		}
		t.PartsAt = append(t.PartsAt, rows)
		n, _ := view.Size()
		rows += n
	}
	if len(parts) == 1 {
		t.PartsAt = nil
	}
	t.Shape = []int{rows, k}
	if slot.Stacked {
		t.Shape = []int{len(slot.Matrices), rows, k}
	}
	return t
}

func chooseFormat(slot *Slot, inv *Inventory, quant Quant) Format {
	switch {
	case slot.Kind == Vector || slot.Kind == Router:
		return F32
	case quant == QuantKeep:
		return sourceFormat(slot, inv)
	case quant == QuantQ8 || slot.Kind == Embedding:
		return Q8_0
	}
	_, k := slot.Matrices[0][0].Size()
	supers, routed := k%SuperElems == 0, slot.Active > 0 && slot.Active < slot.Count()
	switch {
	case quant == QuantQ4K && supers:
		return Q4_K
	case quant == QuantQ3 && supers && routed:
		return Q3_K
	case quant == QuantQ3 && supers:
		return Q6_K
	case quant == QuantQ3 && !routed:
		return Q8_0
	}
	return Q4_0
}

// sourceFormat is the format that holds the slot's source numbers unchanged:
// their own if all are of one type, and else f32. FP8 parts may only be cut
// where their tiles begin; otherwise they become f32, which holds every
// code * scale as exactly as f32 arithmetic gives it. Blocks that are cut or turned become f16.
func sourceFormat(slot *Slot, inv *Inventory) Format {
	var common Format
	for _, parts := range slot.Matrices {
		for _, view := range parts {
			t, _ := inv.Tensor(view.Source)
			f, _ := t.DType.format()
			switch {
			case f == FP8E4M3 && !view.aligned():
				return F32
			case !t.DType.holds(view):
				f = F16
			}
			if common = union(common, f); common == F32 {
				return F32
			}
		}
	}
	return common
}

// partFormats are the formats that hold each part of a concatenation unchanged; none for a stack, whose kernels read all
// matrices alike, and for FP8, whose tiles may lie across the parts.
func partFormats(slot *Slot, inv *Inventory) []Format {
	if slot.Stacked {
		return nil
	}
	var formats []Format
	for _, view := range slot.Matrices[0] {
		part := Slot{Matrices: []Parts{{view}}}
		f := sourceFormat(&part, inv)
		if f == FP8E4M3 {
			return nil
		}
		formats = append(formats, f)
	}
	return formats
}

// kept tells whether all of a slot's sources can be relaid.
func kept(slot *Slot, inv *Inventory) bool {
	for _, parts := range slot.Matrices {
		for _, view := range parts {
			if t, _ := inv.Tensor(view.Source); !t.DType.holds(view) {
				return false
			}
		}
	}
	return true
}

// union is a format that holds the numbers of both exactly: f32 if no other does.
func union(a, b Format) Format {
	if a == b || a == "" {
		return b
	}
	for _, f := range []Format{Q5_0, Q5_1, Q5_K, Q8_0} { // the smallest first
		if embeds(f, a) && embeds(f, b) {
			return f
		}
	}
	return F32
}

// checkCoverage demands that the views of every source tensor cover it without
// overlap, and that tensors nobody reads are ignored on purpose.
func checkCoverage(inv *Inventory, used map[string][]View, ignored []string) error {
	for _, t := range inv.Tensors() {
		views := used[t.Name]
		if len(views) == 0 {
			ok, err := matchAny(ignored, t.Name)
			if err != nil {
				return err
			}
			if !ok {
				return t.errorf("not used by any slot and not ignored")
			}
			continue
		}
		slices.SortFunc(views, func(a, b View) int {
			return cmp.Or(cmp.Compare(a.RowStart, b.RowStart), cmp.Compare(a.ColStart, b.ColStart))
		})
		area := int64(0)
		for i, a := range views {
			area += int64(a.Rows) * int64(a.Cols)
			for _, b := range views[i+1:] {
				if b.RowStart >= a.RowStart+a.Rows {
					break
				}
				if a.ColStart < b.ColStart+b.Cols && b.ColStart < a.ColStart+a.Cols {
					return t.errorf("element [%d %d] is used twice", b.RowStart, max(a.ColStart, b.ColStart))
				}
			}
		}
		if area != t.Elements() {
			return t.errorf("the slots use %d of %d elements", area, t.Elements())
		}
	}
	return nil
}

func matchAny(patterns []string, name string) (bool, error) {
	for _, p := range patterns {
		ok, err := path.Match(p, name)
		if err != nil {
			return false, fmt.Errorf("weights: ignored pattern %q: %w", p, err)
		}
		if ok {
			return true, nil
		}
	}
	return false, nil
}

// layout gives out buffer space, first come, first served.
type layout struct {
	limit   int64
	buffers []BufferSpec
}

// placeParts gives a tensor its pieces: where its parts have formats of their own, those of each.
func (l *layout) placeParts(t *Tensor, formats []Format) (err error) {
	if len(formats) == 1 {
		t.Pieces, err = l.place(t.Format, t.Shape)
		return err
	}
	t.Format = formats[0]
	for i, f := range formats {
		first, end := t.PartsAt[i], t.Shape[0]
		if i+1 < len(formats) {
			end = t.PartsAt[i+1]
		}
		pieces, err := l.place(f, []int{end - first, t.Shape[1]})
		if err != nil {
			return err
		}
		for _, p := range pieces {
			p.First += first
			if f != t.Format {
				p.Format = f
			}
			t.Pieces = append(t.Pieces, p)
		}
	}
	return nil
}

// place cuts a tensor into pieces that fit into a buffer and gives each its
// planes. A tensor that fits whole is never cut; it opens a new buffer if the
// last one is too full.
func (l *layout) place(f Format, shape []int) ([]Piece, error) {
	step := 1
	if len(shape) == 2 {
		step = TileElems
	}
	// space is what a piece of count units takes in a buffer.
	space := func(count int) (total, quants, scales int64, err error) {
		piece := slices.Clone(shape)
		piece[0] = count
		quants, scales, err = PlaneSizes(f, piece)
		return alignUp(quants, PlaneAlign) + alignUp(scales, PlaneAlign), quants, scales, err
	}
	units := shape[0]
	whole, _, _, err := space(units)
	if err != nil {
		return nil, err
	}
	count := units
	if whole > l.limit {
		smallest, _, _, err := space(min(step, units))
		if err != nil {
			return nil, err
		}
		if len(shape) == 1 || smallest > l.limit {
			return nil, fmt.Errorf("%s %v: its smallest piece takes %d bytes, a buffer holds %d", f, shape, smallest, l.limit)
		}
		// Pieces of even size, so that no tiny one is left at the end.
		n := int64(units)
		pieces := (whole + l.limit - 1) / l.limit
		for count = int(alignUp((n+pieces-1)/pieces, int64(step))); ; count -= step {
			if size, _, _, err := space(count); err != nil {
				return nil, err
			} else if size <= l.limit {
				break
			}
		}
	}
	var pieces []Piece
	for first := 0; first < units; first += count {
		p := Piece{First: first, Count: min(count, units-first)}
		total, quants, scales, err := space(p.Count)
		if err != nil {
			return nil, err
		}
		last := len(l.buffers) - 1
		if last < 0 || l.buffers[last].Size+total > l.limit {
			l.buffers = append(l.buffers, BufferSpec{})
			last++
		}
		offset := l.buffers[last].Size
		p.Quants = Plane{Buffer: last, Offset: offset, Size: quants}
		if scales > 0 {
			p.Scales = &Plane{Buffer: last, Offset: offset + alignUp(quants, PlaneAlign), Size: scales}
		}
		l.buffers[last].Size += total
		pieces = append(pieces, p)
	}
	return pieces, nil
}
