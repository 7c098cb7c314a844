package weights

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/x448/float16"
)

// WriteRandom writes a packed model like Write, with random numbers of sensible size in place of a checkpoint's: what
// comes out of a matrix deviates by its Gain where what goes in deviates by 1. The same seed gives the same bytes.
//
// Quants and scales are drawn as they lie on the GPU, so nothing is quantised and the disk sets the pace.
func WriteRandom(ctx context.Context, plan *Plan, seed Seed, number uint64, dst string, opts WriteOptions) (*Manifest, error) {
	return stage(ctx, plan, seed, dst, opts, func(out *shardWriter) error {
		w := randomWriter{ctx: ctx, out: out, source: rand.NewPCG(number, 1), total: plan.Bytes(), progress: opts.Progress}
		for i := range plan.Tensors {
			t := &plan.Tensors[i]
			for j := range t.Pieces {
				if err := w.piece(t, &t.Pieces[j]); err != nil {
					return fmt.Errorf("weights: slot %s: %w", t.Name, err)
				}
			}
		}
		return nil
	})
}

type randomWriter struct {
	ctx      context.Context
	out      *shardWriter
	source   *rand.PCG
	buffer   [1 << 16]byte
	done     int64
	total    int64
	progress func(done, total int64)
}

// piece writes a piece's quants, and then its scales.
func (w *randomWriter) piece(t *PlannedTensor, p *Piece) error {
	draw := w.drawer(t)
	if err := w.plane(&p.Quants, draw.quants); err != nil {
		return err
	}
	if p.Scales == nil {
		return nil
	}
	return w.plane(p.Scales, draw.scales)
}

// plane fills a plane from front to back.
func (w *randomWriter) plane(p *Plane, fill func([]byte)) error {
	if err := w.out.seek(p.Buffer, p.Offset); err != nil {
		return err
	}
	for left := p.Size; left > 0; {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		part := w.buffer[:min(left, int64(len(w.buffer)))]
		fill(part)
		if err := w.out.write(part); err != nil {
			return err
		}
		left -= int64(len(part))
		w.done += int64(len(part))
	}
	if w.progress != nil {
		w.progress(w.done, w.total)
	}
	return nil
}

// A drawer fills parts of planes; parts but the last are a multiple of 4 KiB.
type drawer struct{ quants, scales func([]byte) }

// drawer is how a tensor's numbers are drawn. Deviations of what the quants alone are: of q4 4.18, of q8 73.5, of the codes
// of fp8 0.93.
func (w *randomWriter) drawer(t *PlannedTensor) drawer {
	_, _, k := t.Dims()
	deviation := t.Gain / math.Sqrt(float64(k))
	if len(t.Shape) == 1 {
		return drawer{quants: func(b []byte) { w.floats(b, t.Gain, 0.1) }}
	}
	switch t.Format {
	case F32:
		return drawer{quants: func(b []byte) { w.floats(b, 0, deviation) }}
	case BF16:
		table := normalTable(deviation, func(v float32) uint16 { return uint16(math.Float32bits(v) >> 16) })
		return drawer{quants: func(b []byte) { w.choose16(b, table) }}
	case F16:
		table := normalTable(deviation, func(v float32) uint16 { return float16.Fromfloat32(v).Bits() })
		return drawer{quants: func(b []byte) { w.choose16(b, table) }}
	case Q4_0, Q8_0:
		unit, quants := 4.18, w.q4
		if t.Format == Q8_0 {
			unit, quants = 73.5, w.q8
		}
		table := make([]uint16, tableSize)
		for i := range table { // within a factor of two of each other, as blocks of a checkpoint are
			table[i] = float16.Fromfloat32(float32(deviation / unit * (0.7 + 0.6*float64(i)/tableSize))).Bits()
		}
		return drawer{quants, func(b []byte) { w.choose16(b, table) }}
	case Q4_K, Q6_K, Q3_K:
		return w.supers(t.Format, deviation)
	default: // FP8E4M3
		return drawer{w.fp8, func(b []byte) { w.floats(b, deviation/0.93, 0.1*deviation) }}
	}
}

// supers draws from a table of super-blocks of normal numbers, each with its opposite (see q4): the same one for the quants and
// the scales of a place.
func (w *randomWriter) supers(f Format, deviation float64) drawer {
	const entries = 256
	p := planes[f]
	var quants, scales [entries][]byte
	r := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, SuperElems)
	for i := range entries {
		for j := range x {
			if i%2 == 0 {
				x[j] = float32(r.NormFloat64() * deviation)
			} else {
				x[j] = -x[j]
			}
		}
		quants[i], scales[i] = make([]byte, p.quants*p.blocks), make([]byte, p.entry)
		if err := EncodeRow(f, x, quants[i], scales[i]); err != nil {
			panic(err) // a matrix of width 1 and the greatest gain deviates by less than f16 can hold
		}
	}
	start := w.source.Uint64()
	fill := func(table *[entries][]byte) func([]byte) {
		at, size := 0, len(table[0])
		return func(b []byte) {
			for len(b) > 0 {
				i := (start + uint64(at/size)) * 0x9e3779b97f4a7c15 >> 56
				n := copy(b, table[i][at%size:])
				b, at = b[n:], at+n
			}
		}
	}
	return drawer{fill(&quants), fill(&scales)}
}

// tableSize is how many numbers a table holds: a power of two.
const tableSize = 1 << 12

// normalTable lists numbers of a normal distribution, each with its opposite: see q4.
func normalTable(deviation float64, encode func(float32) uint16) []uint16 {
	r := rand.New(rand.NewPCG(1, 2))
	table := make([]uint16, tableSize)
	for i := 0; i < tableSize; i += 2 {
		v := float32(r.NormFloat64() * deviation)
		table[i], table[i+1] = encode(v), encode(-v)
	}
	return table
}

// words fills with random bits that draw makes numbers of.
func (w *randomWriter) words(b []byte, draw func(uint64) uint64) {
	for ; len(b) >= 8; b = b[8:] {
		le.PutUint64(b, draw(w.source.Uint64()))
	}
	for last := draw(w.source.Uint64()); len(b) > 0; b = b[1:] {
		b[0] = byte(last)
		last >>= 8
	}
}

// q4 fills with the 16 nibbles, 0 replaced by 8. That one, -8, has no opposite: numbers whose mean is not 0 give every
// product a part along the same direction, which after a few layers is all that is left.
func (w *randomWriter) q4(b []byte) {
	w.words(b, func(x uint64) uint64 {
		zero := ^(x | x>>1 | x>>2 | x>>3) & 0x1111111111111111
		return x | zero<<3
	})
}

// q8 fills with the 256 bytes, -128 replaced by 0 for the same reason.
func (w *randomWriter) q8(b []byte) {
	const signs, others = 0x8080808080808080, 0x7f7f7f7f7f7f7f7f
	w.words(b, func(x uint64) uint64 {
		kept := x&others + others // the sign bit of each byte whose other bits are not all 0
		return x & (kept | others)
	})
}

// choose16 fills with numbers of a table of tableSize.
func (w *randomWriter) choose16(b []byte, table []uint16) {
	for len(b) >= 2 {
		for bits, n := w.source.Uint64(), 0; n < 5 && len(b) >= 2; n++ {
			le.PutUint16(b, table[bits%tableSize])
			bits /= tableSize
			b = b[2:]
		}
	}
}

// fp8 fills with codes from 0.25 to below 2, of either sign.
func (w *randomWriter) fp8(b []byte) {
	w.words(b, func(x uint64) uint64 { return x })
	for i, r := range b {
		b[i] = r&0x80 | 0x28 + r&0x7f%24
	}
}

func (w *randomWriter) floats(b []byte, mean, deviation float64) {
	r := rand.New(w.source)
	for ; len(b) >= 4; b = b[4:] {
		le.PutUint32(b, math.Float32bits(float32(mean+deviation*r.NormFloat64())))
	}
}
