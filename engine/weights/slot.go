package weights

import "fmt"

// Kind says what a slot is for, which decides the formats it may take.
type Kind int

const (
	// Matrix is a weight of a layer or an expert: follows the quantisation.
	Matrix Kind = iota
	// Embedding is the embedding table or the head: never below q8_0.
	Embedding
	// Router is the expert router's matrix: always f32.
	Router
	// Vector is a norm or a bias [len]: always f32.
	Vector
)

// Allows tells whether the kernels that take slots of the kind read a format.
func (k Kind) Allows(f Format) bool {
	if k == Router || k == Vector {
		return f == F32
	}
	return f.Known()
}

func (k Kind) String() string {
	switch k {
	case Matrix:
		return "matrix"
	case Embedding:
		return "embedding"
	case Router:
		return "router"
	case Vector:
		return "vector"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Slot describes one packed tensor: how its rows come from source tensors.
//
// A slot is a list of matrices, a matrix a list of parts one below the other, a
// part a View of a source tensor. All matrices of a slot have parts of the same
// shapes. Some examples:
//
//	// a plain tensor
//	{Name: "layers.0.o", Matrices: []Parts{{Whole(name, H, h*v)}}}
//	// two tensors, one below the other
//	{Name: "layers.0.qkv_a", Matrices: []Parts{{Whole(qa, RQ, H), Whole(kva, R+rope, H)}}}
//	// the K part of kv_b_proj, one transposed [R, nope] matrix for each head
//	for i := range h {
//		kb.Matrices = append(kb.Matrices, Parts{kvb.CutRows(i*(nope+v), nope).Transposed()})
//	}
type Slot struct {
	Name     string
	Kind     Kind
	Stacked  bool    // packed as [n, rows, K] even when n is 1
	Matrices []Parts // one unless Stacked
	// N is the number of matrices where Matrices lists only the first: enough to check and to count, not to pack.
	N      int
	Active int  // how many of the matrices one token uses; 0: all
	Whole  bool // its kernel takes it in one piece
	// Gain is for random models: the deviation of a matrix's outputs where its inputs deviate by 1, or the mean of a vector.
	Gain float64
}

// Count is the number of matrices.
func (s *Slot) Count() int { return max(s.N, len(s.Matrices)) }

// Share is how much of the slot one token uses: active of so many matrices.
func (s *Slot) Share() (active, of int64) {
	of = int64(s.Count())
	if s.Active == 0 {
		return of, of
	}
	return int64(s.Active), of
}

// Params counts the slot's numbers, without padding. All matrices are of one size.
func (s *Slot) Params() int64 {
	total := int64(0)
	for _, view := range s.Matrices[0] {
		total += int64(view.Rows) * int64(view.Cols)
	}
	return total * int64(s.Count())
}

// Parts are the views that make up one matrix, top to bottom.
type Parts []View

// View is a rectangle of a source tensor, perhaps transposed. Whole makes one;
// CutRows, CutCols and Transposed narrow it.
type View struct {
	Source string
	Shape  []int // expected shape of the whole source tensor: [rows, cols] or [len]

	// The rectangle, in rows and columns of the source. A vector [len] is one
	// row of len columns.
	RowStart, Rows int
	ColStart, Cols int

	Transpose bool // applied last
}

// Whole is all of the source tensor name, which must have this shape.
func Whole(name string, shape ...int) View {
	_, rows, cols := matrixDims(shape)
	return View{Source: name, Shape: shape, Rows: rows, Cols: cols}
}

// CutRows keeps n rows from row first of the view on. It comes before Transposed.
func (v View) CutRows(first, n int) View {
	v.RowStart += first
	v.Rows = n
	return v
}

// CutCols keeps n columns from column first of the view on. It comes before Transposed.
func (v View) CutCols(first, n int) View {
	v.ColStart += first
	v.Cols = n
	return v
}

// Transposed swaps rows and columns.
func (v View) Transposed() View {
	v.Transpose = !v.Transpose
	return v
}

// Size is the shape of the view as the slot sees it, that is, transposed if it is.
func (v View) Size() (rows, cols int) {
	if v.Transpose {
		return v.Cols, v.Rows
	}
	return v.Rows, v.Cols
}

// check refuses views that do not lie in their source.
func (v View) check() error {
	if len(v.Shape) < 1 || len(v.Shape) > 2 {
		return fmt.Errorf("view of %s: shape %v is neither a vector nor a matrix", v.Source, v.Shape)
	}
	if err := checkShape(v.Shape); err != nil {
		return fmt.Errorf("view of %s: %w", v.Source, err)
	}
	_, rows, cols := matrixDims(v.Shape)
	if v.RowStart < 0 || v.Rows < 1 || v.RowStart > rows-v.Rows ||
		v.ColStart < 0 || v.Cols < 1 || v.ColStart > cols-v.Cols {
		return fmt.Errorf("view of %s: rows %d+%d, columns %d+%d lie outside %v",
			v.Source, v.RowStart, v.Rows, v.ColStart, v.Cols, v.Shape)
	}
	return nil
}

// aligned reports whether the view's corner is the corner of an FP8 tile, so
// that the tiles of the view are tiles of the source.
func (v View) aligned() bool { return v.RowStart%TileElems == 0 && v.ColStart%TileElems == 0 }

// check refuses slots whose matrices do not fit together.
func (s *Slot) check() error {
	if !validName(s.Name) {
		return fmt.Errorf("slot %q: name is not made of a-z, 0-9, _ and dots", s.Name)
	}
	if len(s.Matrices) == 0 || len(s.Matrices[0]) == 0 {
		return fmt.Errorf("slot %s: has no sources", s.Name)
	}
	if s.Count() != len(s.Matrices) {
		return fmt.Errorf("slot %s: lists %d of %d matrices", s.Name, len(s.Matrices), s.Count())
	}
	if !s.Stacked && len(s.Matrices) != 1 {
		return fmt.Errorf("slot %s: %d matrices but not stacked", s.Name, len(s.Matrices))
	}
	if s.Kind == Vector && (s.Stacked || len(s.Matrices[0]) != 1 || len(s.Matrices[0][0].Shape) != 1) {
		return fmt.Errorf("slot %s: a vector has one source [len]", s.Name)
	}
	first := s.Matrices[0]
	for i, parts := range s.Matrices {
		if len(parts) != len(first) {
			return fmt.Errorf("slot %s: matrix %d has %d parts, matrix 0 has %d", s.Name, i, len(parts), len(first))
		}
		for j, view := range parts {
			if err := view.check(); err != nil {
				return fmt.Errorf("slot %s: %w", s.Name, err)
			}
			rows, cols := view.Size()
			_, k := first[0].Size()
			wantRows, _ := first[j].Size()
			if rows != wantRows || cols != k {
				return fmt.Errorf("slot %s: part %d of matrix %d is [%d %d], want [%d %d]", s.Name, j, i, rows, cols, wantRows, k)
			}
		}
	}
	return nil
}
