package weights

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tabseek/engine/message"
)

// check validates a decoded manifest and builds the name index.
func (m *Manifest) check() error {
	if a := bytes.TrimSpace(m.Architecture); len(a) == 0 || a[0] != '{' {
		return errors.New("architecture is not an object")
	}
	if err := m.checkBuffers(); err != nil {
		return err
	}
	if err := m.checkTensors(); err != nil {
		return err
	}
	if err := m.checkShards(); err != nil {
		return err
	}
	if err := m.Tokenizer.check(); err != nil {
		return err
	}
	if w := m.ChatWords; len(m.Chat) > 128 || len(m.Source.Name) > 1024 || len(m.Source.Origin) > 1024 || len(m.Source.License) > 1024 || len(w.BOS) > 256 || len(w.EOS) > 256 {
		return errors.New("a name is too long")
	} else if len(w.System) > 1<<16 {
		return errors.New("chat_words: system is too long")
	}
	if err := m.Special.check(); err != nil {
		return err
	}
	return m.Generation.check()
}

func (m *Manifest) checkBuffers() error {
	if len(m.Buffers) > maxBuffers {
		return fmt.Errorf("%d buffers, more than %d", len(m.Buffers), maxBuffers)
	}
	for i, b := range m.Buffers {
		if b.Size < 4 || b.Size > MaxBufferSize || b.Size%4 != 0 {
			return fmt.Errorf("buffer %d: size %d is not a multiple of 4 in 4..%d", i, b.Size, MaxBufferSize)
		}
	}
	return nil
}

// planeUse is a plane and the tensor it belongs to.
type planeUse struct {
	Plane
	tensor string
}

func (m *Manifest) checkTensors() error {
	if len(m.Tensors) == 0 || len(m.Tensors) > maxTensors {
		return fmt.Errorf("%d tensors, want 1 to %d", len(m.Tensors), maxTensors)
	}
	m.byName = make(map[string]int, len(m.Tensors))
	var planes []planeUse
	for i := range m.Tensors {
		t := &m.Tensors[i]
		if !validName(t.Name) {
			return fmt.Errorf("tensor %d: name %.140q is not made of a-z, 0-9, _ and dots", i, t.Name)
		}
		if _, ok := m.byName[t.Name]; ok {
			return fmt.Errorf("tensor %s: listed twice", t.Name)
		}
		m.byName[t.Name] = i
		if err := t.check(m.Buffers); err != nil {
			return fmt.Errorf("tensor %s: %w", t.Name, err)
		}
		for _, p := range t.Pieces {
			planes = append(planes, planeUse{p.Quants, t.Name})
			if p.Scales != nil {
				planes = append(planes, planeUse{*p.Scales, t.Name})
			}
		}
	}
	slices.SortFunc(planes, func(a, b planeUse) int {
		return cmp.Or(cmp.Compare(a.Buffer, b.Buffer), cmp.Compare(a.Offset, b.Offset))
	})
	for i := 1; i < len(planes); i++ {
		a, b := planes[i-1], planes[i]
		if a.Buffer == b.Buffer && b.Offset < a.Offset+a.Size {
			return fmt.Errorf("tensor %s: overlaps tensor %s at offset %d of buffer %d", b.tensor, a.tensor, b.Offset, b.Buffer)
		}
	}
	return nil
}

func (t *Tensor) check(buffers []BufferSpec) error {
	if _, _, err := PlaneSizes(t.Format, t.Shape); err != nil {
		return err
	}
	if err := t.checkParts(); err != nil {
		return err
	}
	if len(t.Pieces) > maxPieces {
		return fmt.Errorf("%d pieces, more than %d", len(t.Pieces), maxPieces)
	}
	next := 0
	for i := range t.Pieces {
		p := &t.Pieces[i]
		if p.First != next {
			return fmt.Errorf("piece %d: starts at %d, want %d", i, p.First, next)
		}
		if p.Count < 1 || p.Count > t.Shape[0]-next {
			return fmt.Errorf("piece %d: count %d does not fit into shape %v", i, p.Count, t.Shape)
		}
		next += p.Count
		if last := i == len(t.Pieces)-1; !last {
			if len(t.Shape) == 1 {
				return errors.New("a vector has one piece")
			}
			if len(t.Shape) == 2 && p.Count%TileElems != 0 && !slices.Contains(t.PartsAt, next) {
				return fmt.Errorf("piece %d: %d rows are not a multiple of %d", i, p.Count, TileElems)
			}
		}
		format := t.PieceFormat(p)
		if p.Format != "" && (len(t.Shape) != 2 || !slices.Contains(append([]int{0}, t.PartsAt...), p.First)) && (i == 0 || t.Pieces[i-1].Format != p.Format) {
			return fmt.Errorf("piece %d: format %s, which only a part of a concatenation may have to itself", i, p.Format)
		}
		quants, scales, err := PlaneSizes(format, t.PieceShape(p))
		if err != nil {
			return fmt.Errorf("piece %d: %w", i, err)
		}
		if err := p.Quants.check(quants, buffers); err != nil {
			return fmt.Errorf("piece %d: quants: %w", i, err)
		}
		if (p.Scales != nil) != format.HasScales() {
			return fmt.Errorf("piece %d: scales present is %t, for %s it must be %t", i, p.Scales != nil, format, format.HasScales())
		}
		if p.Scales != nil {
			if err := p.Scales.check(scales, buffers); err != nil {
				return fmt.Errorf("piece %d: scales: %w", i, err)
			}
		}
	}
	if next != t.Shape[0] {
		return fmt.Errorf("pieces cover %d of %d", next, t.Shape[0])
	}
	return nil
}

func (t *Tensor) checkParts() error {
	_, rows, _ := t.Dims()
	for i, at := range t.PartsAt {
		switch {
		case len(t.Shape) == 1:
			return errors.New("a vector has no parts")
		case i == 0 && at != 0:
			return fmt.Errorf("parts_at starts with %d, want 0", at)
		case i > 0 && at <= t.PartsAt[i-1], at >= rows:
			return fmt.Errorf("parts_at[%d] is %d, which is out of order or beyond row %d", i, at, rows)
		case t.Format == FP8E4M3 && at%TileElems != 0:
			return fmt.Errorf("parts_at[%d] is %d, which is no multiple of %d", i, at, TileElems)
		}
	}
	return nil
}

func (p *Plane) check(size int64, buffers []BufferSpec) error {
	if p.Buffer < 0 || p.Buffer >= len(buffers) {
		return fmt.Errorf("buffer %d of %d", p.Buffer, len(buffers))
	}
	if p.Size != size {
		return fmt.Errorf("size is %d, want %d", p.Size, size)
	}
	if p.Offset < 0 || p.Offset%PlaneAlign != 0 {
		return fmt.Errorf("offset %d is no multiple of %d", p.Offset, PlaneAlign)
	}
	if end := buffers[p.Buffer].Size; p.Offset > end || p.Size > end-p.Offset {
		return fmt.Errorf("bytes %d+%d lie outside buffer %d of %d bytes", p.Offset, p.Size, p.Buffer, end)
	}
	return nil
}

// checkShards demands that the shards tile every buffer exactly: a byte that no
// shard brings would be whatever the GPU had there before.
func (m *Manifest) checkShards() error {
	if len(m.Shards) > maxShards {
		return fmt.Errorf("%d shards, more than %d", len(m.Shards), maxShards)
	}
	order := make([]int, len(m.Shards))
	for i := range m.Shards {
		order[i] = i
		if err := m.Shards[i].check(m.Buffers); err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
	}
	slices.SortFunc(order, func(i, j int) int {
		a, b := &m.Shards[i], &m.Shards[j]
		return cmp.Or(cmp.Compare(a.Buffer, b.Buffer), cmp.Compare(a.Offset, b.Offset))
	})
	buffer, end := 0, int64(0)
	for _, i := range order {
		s := &m.Shards[i]
		for buffer < s.Buffer {
			if end != m.Buffers[buffer].Size {
				return fmt.Errorf("buffer %d: no shard covers byte %d", buffer, end)
			}
			buffer, end = buffer+1, 0
		}
		if s.Offset > end {
			return fmt.Errorf("buffer %d: no shard covers byte %d", buffer, end)
		}
		if s.Offset < end {
			return fmt.Errorf("shard %d: overlaps another at offset %d of buffer %d", i, s.Offset, buffer)
		}
		end += s.Size
	}
	for ; buffer < len(m.Buffers); buffer, end = buffer+1, 0 {
		if end != m.Buffers[buffer].Size {
			return fmt.Errorf("buffer %d: no shard covers byte %d", buffer, end)
		}
	}
	return nil
}

func (s *Shard) check(buffers []BufferSpec) error {
	if !validSHA256(s.SHA256) {
		return fmt.Errorf("sha256 %.80q is not 64 lower-case hex digits", s.SHA256)
	}
	if s.File != ShardFile(s.SHA256) {
		return fmt.Errorf("file %.100q, want %q", s.File, ShardFile(s.SHA256))
	}
	if s.Buffer < 0 || s.Buffer >= len(buffers) {
		return fmt.Errorf("buffer %d of %d", s.Buffer, len(buffers))
	}
	if s.Size < 4 || s.Size > MaxShardSize || s.Size%4 != 0 || s.Offset < 0 || s.Offset%4 != 0 {
		return fmt.Errorf("bytes %d+%d: want multiples of 4 and at most %d bytes", s.Offset, s.Size, MaxShardSize)
	}
	if end := buffers[s.Buffer].Size; s.Offset > end || s.Size > end-s.Offset {
		return fmt.Errorf("bytes %d+%d lie outside buffer %d of %d bytes", s.Offset, s.Size, s.Buffer, end)
	}
	return nil
}

// ShardFile is the name of the shard with this hash.
func ShardFile(sha256 string) string { return "sha256-" + sha256 + ".bin" }

// tokenizerName is the only name a tokenizer may have: a manifest cannot make
// anybody open another file. What it was compiled of lies beside it, for people.
const (
	tokenizerName     = "tokenizer.bin"
	tokenizerJSONName = "tokenizer.json"
)

func (t *TokenizerFile) check() error {
	if t.File != tokenizerName {
		return fmt.Errorf("tokenizer: file %.100q, want %q", t.File, tokenizerName)
	}
	if t.Size < 1 || t.Size > maxTokenizerSize {
		return fmt.Errorf("tokenizer: size %d is not in 1..%d", t.Size, maxTokenizerSize)
	}
	if !validSHA256(t.SHA256) {
		return fmt.Errorf("tokenizer: sha256 %.80q is not 64 lower-case hex digits", t.SHA256)
	}
	return nil
}

func (s *Special) check() error {
	if len(s.EOS) > 64 {
		return fmt.Errorf("special: %d eos ids, more than 64", len(s.EOS))
	}
	for _, id := range s.EOS {
		if id < 0 || id >= maxTokenID {
			return fmt.Errorf("special: token id %d is not in 0..%d", id, maxTokenID-1)
		}
	}
	return nil
}

func (g *Generation) check() error {
	p := message.Params{Temperature: g.Temperature, TopP: g.TopP, TopK: g.TopK, MinP: g.MinP, RepetitionPenalty: g.RepetitionPenalty}
	if err := p.Validate(); err != nil {
		return fmt.Errorf("generation: %w", err)
	}
	return nil
}

// validName accepts names such as layers.12.kv_a_norm.
func validName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '.' {
			return false
		}
	}
	return name != "" && len(name) <= 128
}

func validSHA256(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 64 && strings.ToLower(s) == s
}
