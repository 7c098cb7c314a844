package weights

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// dequantise decodes one of ggml's blocks as ggml's own loops do: written from the layouts of ggml-common.h, with the
// bits where they lie there, for relaid blocks to be compared with.
func dequantise(d DType, raw []byte) []float32 {
	f16 := func(at int) float32 { return FromF16(le.Uint16(raw[at:])) }
	var y []float32
	add := func(x float32) { y = append(y, x) }
	scales := func(at, j int) (float32, float32) { // get_scale_min_k4
		q := raw[at:]
		if j < 4 {
			return float32(q[j] & 63), float32(q[j+4] & 63)
		}
		return float32(q[j+4]&0xF | q[j-4]>>6<<4), float32(q[j+4]>>4 | q[j]>>6<<4)
	}
	switch d {
	case "Q8_0":
		for _, q := range raw[2:34] {
			add(f16(0) * float32(int8(q)))
		}
	case "Q4_0", "Q4_1", "Q5_0", "Q5_1", "IQ4_NL", "MXFP4":
		y = make([]float32, 32)
		head := map[DType]int{"Q4_0": 2, "Q4_1": 4, "Q5_0": 6, "Q5_1": 8, "IQ4_NL": 2, "MXFP4": 1}[d]
		for i, q := range raw[head:][:16] {
			for half, code := range []int{int(q & 15), int(q >> 4)} {
				at := i + 16*half
				switch d {
				case "Q4_0":
					y[at] = float32(code-8) * f16(0)
				case "Q4_1":
					y[at] = float32(code)*f16(0) + f16(2)
				case "Q5_0":
					y[at] = float32(code|int(le.Uint32(raw[2:])>>at&1)<<4-16) * f16(0)
				case "Q5_1":
					y[at] = float32(code|int(le.Uint32(raw[4:])>>at&1)<<4)*f16(0) + f16(2)
				case "IQ4_NL":
					y[at] = f16(0) * float32(iq4Values[code])
				case "MXFP4":
					e2m1 := []float64{0, .5, 1, 1.5, 2, 3, 4, 6, 0, -.5, -1, -1.5, -2, -3, -4, -6}
					y[at] = float32(math.Ldexp(e2m1[code], int(raw[0])-127))
				}
			}
		}
	case "Q4_K", "Q5_K":
		qs, qh := raw[16:], make([]byte, 32)
		if d == "Q5_K" {
			qs, qh = raw[48:], raw[16:48]
		}
		for is := 0; is < 8; is += 2 {
			for half := range 2 {
				sc, m := scales(4, is+half)
				for l, q := range qs[is*16:][:32] {
					code := q >> (4 * half) & 15
					code |= qh[l] >> (is + half) & 1 << 4
					add(float32(f16(0)*sc*float32(code)) - f16(2)*m)
				}
			}
		}
	case "Q6_K":
		y = make([]float32, 256)
		for n := range 2 {
			ql, qh, sc := raw[64*n:], raw[128+32*n:], raw[192+8*n:]
			for l := range 32 {
				codes := []byte{ql[l]&15 | qh[l]>>0&3<<4, ql[l+32]&15 | qh[l]>>2&3<<4, ql[l]>>4 | qh[l]>>4&3<<4, ql[l+32]>>4 | qh[l]>>6&3<<4}
				for j, code := range codes {
					y[128*n+32*j+l] = f16(208) * float32(int8(sc[2*j+l/16])) * float32(int(code)-32)
				}
			}
		}
	case "Q3_K":
		sc := func(i int) float32 {
			low := raw[96+i%8] >> (4 * (i / 8)) & 15
			return float32(int(low|raw[104+i%4]>>(2*(i/4))&3<<4) - 32)
		}
		for n := range 2 {
			for j := range 4 {
				for l := range 32 {
					q := int(raw[32+32*n+l] >> (2 * j) & 3)
					if raw[l]>>(4*n+j)&1 == 0 {
						q -= 4
					}
					add(f16(108) * sc(8*n+2*j+l/16) * float32(q))
				}
			}
		}
	case "Q2_K":
		for n := range 2 {
			for j := range 4 {
				for l := range 32 {
					sc := raw[8*n+2*j+l/16]
					add(float32(f16(80)*float32(sc&15)*float32(raw[16+32*n+l]>>(2*j)&3)) - f16(82)*float32(sc>>4))
				}
			}
		}
	case "IQ4_XS":
		for ib := range 8 {
			ls := int(raw[4+ib/2]>>(4*(ib%2))&15) | int(le.Uint16(raw[2:])>>(2*ib)&3)<<4
			for half := range 2 {
				for _, q := range raw[8+16*ib:][:16] {
					add(f16(0) * float32(ls-32) * float32(iq4Values[q>>(4*half)&15]))
				}
			}
		}
	}
	return y
}

// randomBlocks are ggml blocks of any bits, but of finite scales.
func randomBlocks(rng *rand.Rand, d DType, n int) []byte {
	_, size := d.blocks()
	raw := make([]byte, n*size)
	for i := range raw {
		raw[i] = byte(rng.Uint32())
	}
	for b := range n {
		block := raw[b*size:]
		if d == "MXFP4" {
			block[0] = byte(rng.IntN(255)) // 255 is no number
		}
		for _, at := range ggmlBlocks[d].halves {
			le.PutUint16(block[at:], ToF16(float32(rng.NormFloat64())))
		}
	}
	return raw
}

// Relaid blocks are the same numbers, bit for bit, wherever in a row and a piece they lie.
func TestRelay(t *testing.T) {
	for d, source := range ggmlBlocks {
		f, ok := d.format()
		if !ok {
			continue
		}
		t.Run(string(d), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 1))
			for _, width := range []int{1, 3, 8} { // blocks of ggml's in a row
				const rows = 5
				k := width * source.elems
				quantsSize, scalesSize, err := PlaneSizes(f, []int{rows, k})
				require.NoError(t, err)
				quants, scales := make([]byte, quantsSize), make([]byte, scalesSize)
				raw := randomBlocks(rng, d, rows*width)
				rowBytes := int(quantsSize) / rows
				for r := range rows {
					relayRow(f, raw[r*width*source.bytes:(r+1)*width*source.bytes], quants[r*rowBytes:(r+1)*rowBytes], scales, r*BlocksPerRow(k))
				}
				got := make([]float32, k)
				for r := range rows {
					DecodeRow(f, quants, scales, r, k, rows, got)
					for b := range width {
						want := dequantise(d, raw[(r*width+b)*source.bytes:][:source.bytes])
						require.Len(t, want, source.elems)
						for i, x := range want {
							require.Equal(t, x, got[b*source.elems+i], "row %d block %d element %d", r, b, i)
						}
					}
				}
			}
		})
	}
	require.Len(t, ggmlTypes, len(ggmlBlocks)+8, "F32 F16 BF16 F64 I8 I16 I32 I64 beside the blocks")
}

// What is embedded in another format is the same numbers as well.
func TestEmbed(t *testing.T) {
	for f, others := range embeddings {
		for _, other := range others {
			t.Run(fmt.Sprint(other, " in ", f), func(t *testing.T) {
				const rows = 3
				d := DType(ggmlName(other))
				source := ggmlBlocks[d]
				k := 3 * source.elems
				raw := randomBlocks(rand.New(rand.NewPCG(3, 1)), d, rows*3)
				quantsSize, scalesSize, err := PlaneSizes(f, []int{rows, k})
				require.NoError(t, err)
				quants, scales := make([]byte, quantsSize), make([]byte, scalesSize)
				got := make([]float32, k)
				for r := range rows {
					embedRow(f, d, raw[r*3*source.bytes:][:3*source.bytes], quants[r*int(quantsSize)/rows:][:int(quantsSize)/rows], scales, r*BlocksPerRow(k))
					DecodeRow(f, quants, scales, r, k, rows, got)
					for i, x := range got {
						want := dequantise(d, raw[(r*3+i/source.elems)*source.bytes:][:source.bytes])[i%source.elems]
						require.Equal(t, want, x, "row %d element %d", r, i)
					}
				}
			})
		}
	}
}

func BenchmarkRelay(b *testing.B) {
	for _, d := range []DType{"Q8_0", "Q4_0", "Q5_0", "Q4_K", "Q5_K", "Q6_K", "Q3_K", "Q2_K", "IQ4_XS"} {
		b.Run(fmt.Sprint(d), func(b *testing.B) {
			f, _ := d.format()
			elems, size := d.blocks()
			const k = 1 << 15
			raw := randomBlocks(rand.New(rand.NewPCG(1, 1)), d, k/elems)
			q, s, _ := PlaneSizes(f, []int{1, k})
			quants, scales := make([]byte, q), make([]byte, s)
			b.SetBytes(int64(k / elems * size))
			for b.Loop() {
				relayRow(f, raw, quants, scales, 0)
			}
		})
	}
}
