package weights

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Model is an opened packed model: its manifest and a way to its bytes.
type Model struct {
	*Manifest
	Dir string // for messages

	fsys   fs.FS
	shards [][]Shard // by buffer
}

// OpenModel opens a packed model folder. No file stays open.
func OpenModel(dir string) (*Model, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("weights: %s: not a folder", dir)
	}
	return OpenModelFS(os.DirFS(dir), dir)
}

// OpenModelFS opens a packed model that lies at the root of fsys; name is how
// messages call it.
func OpenModelFS(fsys fs.FS, name string) (*Model, error) {
	data, err := readLimited(fsys, ManifestFile, maxManifestSize)
	if err != nil {
		return nil, fmt.Errorf("weights: %s: %w", name, err)
	}
	manifest, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("weights: %s/%s: %w", name, ManifestFile, err)
	}
	m := &Model{Manifest: manifest, Dir: name, fsys: fsys, shards: make([][]Shard, len(manifest.Buffers))}
	for _, s := range manifest.Shards {
		m.shards[s.Buffer] = append(m.shards[s.Buffer], s)
	}
	return m, nil
}

// ReadTokenizer reads the compiled tokenizer.
func (m *Model) ReadTokenizer() ([]byte, error) {
	data, err := readLimited(m.fsys, m.Tokenizer.File, m.Tokenizer.Size)
	if err != nil {
		return nil, fmt.Errorf("weights: %s: %w", m.Dir, err)
	}
	return data, nil
}

// ReadBuffer reads a whole buffer, as a GPU is to hold it.
func (m *Model) ReadBuffer(i int) ([]byte, error) {
	if i < 0 || i >= len(m.Buffers) {
		return nil, fmt.Errorf("weights: %s: buffer %d of %d", m.Dir, i, len(m.Buffers))
	}
	return m.readRange(i, 0, m.Buffers[i].Size)
}

// ReadPlane reads the bytes of a plane.
func (m *Model) ReadPlane(p Plane) ([]byte, error) {
	if p.Buffer < 0 || p.Buffer >= len(m.Buffers) {
		return nil, fmt.Errorf("weights: %s: buffer %d of %d", m.Dir, p.Buffer, len(m.Buffers))
	}
	if err := p.check(p.Size, m.Buffers); err != nil {
		return nil, fmt.Errorf("weights: %s: %w", m.Dir, err)
	}
	return m.readRange(p.Buffer, p.Offset, p.Size)
}

// readRange gathers bytes of a buffer from its shards.
func (m *Model) readRange(buffer int, offset, size int64) ([]byte, error) {
	data := make([]byte, size)
	for _, s := range m.shards[buffer] {
		from, to := max(offset, s.Offset), min(offset+size, s.Offset+s.Size)
		if from >= to {
			continue
		}
		if err := m.readShard(&s, data[from-offset:to-offset], from-s.Offset); err != nil {
			return nil, fmt.Errorf("weights: %s/%s: %w", m.Dir, s.File, err)
		}
	}
	return data, nil
}

func (m *Model) readShard(s *Shard, dst []byte, offset int64) error {
	f, err := m.fsys.Open(s.File)
	if err != nil {
		return err
	}
	defer f.Close()
	r, ok := f.(io.ReaderAt)
	if !ok {
		return errors.New("cannot be read at an offset")
	}
	if n, err := r.ReadAt(dst, offset); n < len(dst) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

// ReadTensor decodes a whole tensor, row after row without padding, one matrix
// after another. It is meant for tools and tests.
func (m *Model) ReadTensor(name string) ([]float32, error) {
	t, ok := m.Manifest.Tensor(name)
	if !ok {
		return nil, fmt.Errorf("weights: %s: tensor %s: missing", m.Dir, name)
	}
	_, rows, k := t.Dims()
	var values []float32
	for i := range t.Pieces {
		p := &t.Pieces[i]
		quants, err := m.ReadPlane(p.Quants)
		if err != nil {
			return nil, err
		}
		var scales []byte
		if p.Scales != nil {
			if scales, err = m.ReadPlane(*p.Scales); err != nil {
				return nil, err
			}
		}
		n, pieceRows, _ := matrixDims(t.PieceShape(p))
		if len(t.Shape) == 3 {
			pieceRows = rows
		}
		at := len(values)
		values = append(values, make([]float32, n*pieceRows*k)...)
		for r := range n * pieceRows {
			DecodeRow(t.PieceFormat(p), quants, scales, r, k, pieceRows, values[at+r*k:])
		}
	}
	return values, nil
}

// readLimited reads a file whole unless it is longer than limit.
func readLimited(fsys fs.FS, name string, limit int64) ([]byte, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than %d", name, info.Size(), limit)
	}
	return fs.ReadFile(fsys, name)
}

// Open opens one of the model's files: model.json, the tokenizer or a shard.
func (m *Model) Open(name string) (fs.File, error) { return m.fsys.Open(name) }
