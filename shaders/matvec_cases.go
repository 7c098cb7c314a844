//go:build !wasip1

package shaders

func init() { caseTables["matvec"] = matVecCases }

func matVecCases() []Case {
	var cases []Case
	add := func(profile Profile, label string, format Format, norm bool, vectors, rows, k, xOffset, yOffset int) {
		cases = append(cases, productCase(profile, label, format, norm, vectors, rows, k, xOffset, yOffset))
	}
	for _, f := range plainFormats {
		add(Minimum(), "", f, true, 1, 272, 128, 0, 0)
		add(Minimum(), " accumulate, odd width", f, false, 2, 33, 100, 0, 5)
	}
	for _, f := range ggmlFormats {
		add(Minimum(), "", f, true, 1, 33, f.Width(96), 0, 0)
	}
	for _, f := range ggmlFormats[:5] {
		add(Minimum(), " odd width", f, false, 1, 3, 39, 0, 0)
	}
	add(Profile{Lanes: 8, Rows: 4}, " accumulate", Q4_K, false, 3, 2051, 256, 32, 3)
	add(Profile{Lanes: 8, Rows: 4}, " accumulate", Q5_0, false, 3, 2051, 160, 32, 3)
	add(Minimum(), " x offset", F32, true, 2, 100, 96, 128, 0)
	add(Minimum(), " narrow, offsets", BF16, true, 5, 3, 7, 9, 2)
	add(Minimum(), "", F16, true, 8, 80, 128, 0, 0)
	add(Minimum(), " many rows", Q4_0, false, 1, 140000, 33, 0, 0) // more than 65535 workgroups
	for _, f := range []Format{Q4_0, Q8_0, BF16, FP8} {
		add(Minimum(), " large", f, true, 1, 2048, 2048, 0, 0)
	}
	for _, p := range others() {
		for _, f := range []Format{Q8_0, Q4_0} {
			add(p, "", f, true, 1, 4099, 64, 0, 0)
			add(p, " accumulate, odd width", f, false, 2, 33, 300, 0, 5)
		}
		add(p, " accumulate", Q4_0, false, 11, 2051, 96, 32, 3)
		add(p, " large", Q4_0, false, 1, 2048, 2048, 0, 0)
		add(p, " large", Q4_0, false, 8, 2048, 2048, 0, 0)
	}
	return cases
}
