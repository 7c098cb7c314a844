package weights

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestE4M3Codes(t *testing.T) {
	for _, c := range []struct {
		code byte
		want float32
	}{
		{0x00, 0}, {0x01, 1.0 / 512}, {0x07, 7.0 / 512}, {0x08, 1.0 / 64}, {0x38, 1}, {0x3c, 1.5}, {0x40, 2}, {0x7e, 448}, {0xb8, -1}, {0xfe, -448},
	} {
		assert.Equal(t, c.want, FromE4M3(c.code), "code %#x", c.code)
	}
	for code := range 256 {
		v := FromE4M3(byte(code))
		if code&0x7f == 0x7f {
			assert.True(t, v != v, "code %#x is NaN", code)
			continue
		}
		assert.Equal(t, byte(code), ToE4M3(v), "code %#x", code)
		if code&0x7f > 0 && code < 0x80 {
			assert.Greater(t, v, FromE4M3(byte(code-1)))
		}
	}
	assert.True(t, math.Signbit(float64(FromE4M3(0x80))), "0x80 is minus zero")
}

func TestToE4M3RoundsToNearestEven(t *testing.T) {
	for code := byte(0); code < 0x7e; code++ {
		lo, hi := FromE4M3(code), FromE4M3(code+1)
		mid := (lo + hi) / 2 // exact in float32
		even := code + code&1
		assert.Equal(t, even, ToE4M3(mid), "halfway above %#x", code)
		assert.Equal(t, even|0x80, ToE4M3(-mid), "halfway below %#x", code|0x80)
		assert.Equal(t, code, ToE4M3(math.Nextafter32(mid, 0)))
		assert.Equal(t, code+1, ToE4M3(math.Nextafter32(mid, 1000)))
	}
	for _, x := range []float32{449, 464, 480, 1e30, float32(math.Inf(1))} {
		assert.Equal(t, byte(0x7e), ToE4M3(x))
		assert.Equal(t, byte(0xfe), ToE4M3(-x))
	}
	assert.Equal(t, byte(0x7f), ToE4M3(float32(math.NaN())))
}

func TestHalvesRoundTrip(t *testing.T) {
	for _, c := range []struct {
		name string
		from func(uint16) float32
		to   func(float32) uint16
	}{{"bf16", FromBF16, ToBF16}, {"f16", FromF16, ToF16}} {
		t.Run(c.name, func(t *testing.T) {
			for b := range 1 << 16 {
				v := c.from(uint16(b))
				if v != v {
					got := c.from(c.to(v))
					require.True(t, got != got, "%#x stays NaN", b)
					continue
				}
				require.Equal(t, uint16(b), c.to(v), fmt.Sprintf("%#x", b))
			}
		})
	}
	assert.Equal(t, uint16(0x3f80), ToBF16(math.Float32frombits(0x3f808000)), "tie to even, down")
	assert.Equal(t, uint16(0x3f82), ToBF16(math.Float32frombits(0x3f818000)), "tie to even, up")
	assert.Equal(t, uint16(0x3f81), ToBF16(math.Float32frombits(0x3f808001)))
	assert.Equal(t, uint16(0x7f80), ToBF16(math.MaxFloat32), "rounds up to infinity")
}
