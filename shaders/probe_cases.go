//go:build !wasip1

package shaders

func init() {
	caseTables["probe_read"] = func() []Case {
		r := randomFor("probe_read")
		return []Case{{
			Name: "3 workgroups, 1001 vec4", Dispatch: ProbeRead(16016, 3), Buffers: Memory{"x": r.floats(4004, 1), "y": make([]uint32, 3)},
			Integers: []string{"y"}, Bytes: 16016,
		}}
	}
	caseTables["probe_fma"] = func() []Case {
		return []Case{{
			Name: "2 workgroups, 13 rounds", Dispatch: ProbeFMA(13, 2), Buffers: Memory{"y": make([]uint32, ProbeWords(2))},
			Tolerance: 1e-5, // sums of 32 products
			Flops:     ProbeFlops(13, 2),
		}}
	}
}
