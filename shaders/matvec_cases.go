//go:build !wasip1

package shaders

func init() { caseTables["matvec"] = matVecCases }

func matVecCases() []Case {
	var cases []Case
	add := func(profile Profile, label string, v MatVecVariant, rows, k, xOffset, yOffset int) {
		cases = append(cases, productCase(profile, label, v, rows, k, xOffset, yOffset))
	}
	for _, f := range plainFormats {
		add(Minimum(), "", MatVecVariant{Format: f, Batch: 1}, 272, 128, 0, 0)
		add(Minimum(), " norm", MatVecVariant{Format: f, Batch: 1, Norm: true}, 321, 192, 0, 0)
		add(Minimum(), " norm", MatVecVariant{Format: f, Batch: 8, Norm: true}, 80, 128, 0, 0)
		add(Minimum(), " accumulate, odd width", MatVecVariant{Format: f, Batch: 3, Accumulate: true}, 33, 100, 0, 5)
		add(Minimum(), " norm, narrow, offsets", MatVecVariant{Format: f, Batch: 5, Norm: true}, 3, 7, 9, 2)
	}
	for _, f := range ggmlFormats {
		add(Minimum(), " norm", MatVecVariant{Format: f, Batch: 1, Norm: true}, 33, f.Width(96), 0, 0)
		add(Profile{Lanes: 8, Rows: 4}, " accumulate", MatVecVariant{Format: f, Batch: 3, Accumulate: true}, 2051, f.Width(160), 32, 3)
	}
	for _, f := range ggmlFormats[:5] {
		add(Minimum(), " odd width", MatVecVariant{Format: f, Batch: 1}, 3, 39, 0, 0)
	}
	add(Minimum(), " x offset", MatVecVariant{Format: F32, Batch: 2, Norm: true}, 100, 96, 128, 0)
	add(Minimum(), " many rows", MatVecVariant{Format: Q4_0, Batch: 1}, 140000, 33, 0, 0) // more than 65535 workgroups
	for _, f := range []Format{Q4_0, Q8_0, BF16, FP8} {
		for _, batch := range []int{1, 8} {
			add(Minimum(), " large", MatVecVariant{Format: f, Batch: batch, Norm: true}, 2048, 2048, 0, 0)
		}
	}
	for _, p := range others() {
		for _, f := range plainFormats {
			add(p, " norm", MatVecVariant{Format: f, Batch: 1, Norm: true}, 4099, 64, 0, 0)
			add(p, " accumulate, odd width", MatVecVariant{Format: f, Batch: 3, Accumulate: true}, 33, 300, 0, 5)
			add(p, " norm", MatVecVariant{Format: f, Batch: 8, Norm: true}, 2051, 96, 32, 3)
		}
		add(p, " large", MatVecVariant{Format: Q4_0, Batch: 1, Norm: true}, 2048, 2048, 0, 0)
	}
	return cases
}
