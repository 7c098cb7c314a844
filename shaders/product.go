package shaders

// MaxBatch is the most vectors that a workgroup multiplies with at once; more are shared by several.
const MaxBatch = 8

// maxBand is the most rows of a band.
const maxBand = 4

// A productTile is how the Threads of a workgroup share the rows of a product (lib/product.wgsl): Lanes of them take Bands bands of
// Rows rows, and Batch vectors.
type productTile struct {
	tile
	Bands, Batch int
	Norm         bool // vectors are RMS-normalised on the way
}

// productTile fits the profile to a matrix, of side side by side in a dispatch, of rows of width k.
func (p Profile) productTile(f Format, rows, k, side int) productTile {
	t := productTile{tile: p.tile(rows, k, MaxRows, side).rounding(p, f), Bands: 1}
	if t.Lanes > 1 {
		t.Rows = min(t.Rows, maxBand) // the sums of a larger batch would not fit into workgroup memory
	}
	if t.Rows > maxBand {
		t.Rows, t.Bands = maxBand, t.Rows/maxBand
	}
	return t
}

// pairTile is the same of a matrix of which a thread takes two rows for every result, such as gate and up: they are its two bands.
func (p Profile) pairTile(f Format, rows, k, side int) productTile {
	t := productTile{tile: p.tile(rows, k, maxBand, side).rounding(p, f), Bands: 2}
	if t.Lanes > 1 {
		t.Rows = min(t.Rows, maxBand/2)
	}
	return t
}

// taking is the tile for a number of vectors. Nothing else depends on that: a vector's sums are the same alone and beside others.
func (t productTile) taking(vectors int, norm bool) productTile {
	t.Norm, t.Batch = norm, 1
	for t.Batch < min(vectors, MaxBatch) {
		t.Batch *= 2
	}
	sums := t.Bands
	if norm {
		sums++
	}
	t.tile = t.exchanging(t.Batch * sums)
	return t
}

// normed is a vector as it is multiplied.
func (t productTile) normed(x []float32, m Memory, epsilon float32) []float32 {
	if !t.Norm {
		return x
	}
	n := make([]float32, len(x))
	normalise(x, m.F32("norm"), float64(epsilon), n)
	return n
}

// workgroups is how many workgroups a matrix of rows takes.
func (t productTile) workgroups(rows int) int {
	here := t.Threads / t.Lanes * t.Rows * t.Bands
	return (rows + here - 1) / here
}

// batches is how many workgroups side by side take a number of vectors.
func (t productTile) batches(vectors int) int { return (vectors + t.Batch - 1) / t.Batch }

// libs are the lib files of a product of a format's weights.
func (t productTile) libs(f Format) []string {
	files := []string{"rows_float", "band_1", "meet_one", "product"}
	if t.Int8 {
		files = append([]string{"rows_int8", "int8_" + string(f)}, files[1:]...)
	}
	for i, file := range files {
		switch {
		case file == "band_1":
			files[i] = "band_" + string(rune('0'+t.Rows))
		case file == "meet_one" && t.Lanes > 1:
			files[i] = "meet_many"
		}
	}
	return files
}
