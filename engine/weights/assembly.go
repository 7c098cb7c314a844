package weights

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
)

// An Assembly writes a packed model in whatever order its sources come, where Write reads them in the order of the plan.
// Its folder may be left and opened again: what was added and synced is in it.
type Assembly struct {
	plan   *Plan
	dir    string
	uses   map[string][]use // by source
	packer packer
	files  map[string]*os.File
}

// use is a view of a source, and where in the plan it is.
type use struct {
	tensor       *PlannedTensor
	matrix, part int
	view         View
}

// assembledDir is the folder of the model itself, within the assembly's.
const assembledDir = "model"

// maxOpenShards is how many files an assembly keeps open.
const maxOpenShards = 64

// NewAssembly begins or goes on with an assembly in a folder.
func NewAssembly(plan *Plan, inv *Inventory, dir string) (*Assembly, error) {
	a := &Assembly{plan: plan, dir: dir, uses: map[string][]use{}, packer: packer{plan: plan, reader: bandReader{inv: inv}}, files: map[string]*os.File{}}
	if err := os.MkdirAll(filepath.Join(dir, assembledDir), 0o755); err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	for i := range plan.Tensors {
		t := &plan.Tensors[i]
		for m, parts := range t.Matrices {
			for j, view := range parts {
				a.uses[view.Source] = append(a.uses[view.Source], use{t, m, j, view})
			}
		}
	}
	return a, nil
}

// Needs tells whether anything of the plan comes of a source.
func (a *Assembly) Needs(source string) bool { return len(a.uses[source]) > 0 }

// Add writes all that comes of a source, whose data must be there to be read.
func (a *Assembly) Add(ctx context.Context, source string) error {
	for _, u := range a.uses[source] {
		for i := range u.tensor.Pieces {
			if err := a.addPiece(ctx, u, &u.tensor.Pieces[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// addPiece writes those rows of a view that lie in a piece.
func (a *Assembly) addPiece(ctx context.Context, u use, piece *Piece) error {
	t := *u.tensor
	t.Format = t.PieceFormat(piece)
	_, rows, k := t.Dims()
	start := 0 // the part's first row
	if u.part > 0 {
		start = t.PartsAt[u.part]
	}
	n, _ := u.view.Size()
	low, high := start, start+n // rows of the matrix that both have
	before := 0                 // rows of the piece before the matrix
	switch len(t.Shape) {
	case 2:
		low, high, before = max(low, piece.First), min(high, piece.First+piece.Count), -piece.First
	case 3:
		if u.matrix < piece.First || u.matrix >= piece.First+piece.Count {
			return nil
		}
		before = (u.matrix - piece.First) * rows
	}
	if low >= high {
		return nil
	}
	if t.Format == FP8E4M3 {
		list, err := a.packer.reader.viewScales(u.view)
		if err != nil {
			return err
		}
		var scales []byte
		for _, s := range list[(low-start)/TileElems*Tiles(k) : Tiles(high-start)*Tiles(k)] {
			scales = le.AppendUint32(scales, math.Float32bits(s))
		}
		tile := (low + before) / TileElems
		if len(t.Shape) == 3 {
			tile = (u.matrix-piece.First)*Tiles(rows) + low/TileElems
		}
		if err := a.writeAt(piece.Scales.Buffer, piece.Scales.Offset+4*int64(tile*Tiles(k)), scales); err != nil {
			return err
		}
	}
	bandRows := max(1, bandElements/k)
	for ; low < high; low += bandRows {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("weights: slot %s: %w", t.Name, err)
		}
		if err := a.addBand(&t, u.view, piece, low-start, min(bandRows, high-low), low+before); err != nil {
			return err
		}
	}
	return nil
}

// addBand writes n rows of a view from first on, which are those of the piece from at on.
func (a *Assembly) addBand(t *PlannedTensor, view View, piece *Piece, first, n, at int) error {
	_, k := view.Size()
	blocks := BlocksPerRow(k)
	shared := planes[t.Format].blocks
	var scalesAt int64
	if shared > 0 { // the entries that the rows have, perhaps together with their neighbours
		entry := int64(planes[t.Format].entry)
		from, to := at*blocks/shared, ((at+n)*blocks+shared-1)/shared
		scalesAt = int64(from) * entry
		a.packer.scales = resize(a.packer.scales, int((int64(to)*entry)-scalesAt))
		if err := a.readAt(piece.Scales.Buffer, piece.Scales.Offset+scalesAt, a.packer.scales); err != nil {
			return err
		}
		a.packer.scaled = at*blocks - from*shared
	}
	band, err := a.packer.pack(t, view, first, n)
	if err != nil {
		return err
	}
	if shared > 0 {
		if err := a.writeAt(piece.Scales.Buffer, piece.Scales.Offset+scalesAt, a.packer.scales); err != nil {
			return err
		}
	}
	return a.writeAt(piece.Quants.Buffer, piece.Quants.Offset+int64(at*blocks*t.Format.BlockBytes()), band)
}

// shard opens the file of a range of a buffer, under the name that it has until it is whole.
func (a *Assembly) shard(buffer int, offset int64) (*os.File, error) {
	name := filepath.Join(a.dir, assembledDir, fmt.Sprintf("part-%d-%d", buffer, offset))
	if f, ok := a.files[name]; ok {
		return f, nil
	}
	if len(a.files) >= maxOpenShards {
		if err := a.Sync(); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	a.files[name] = f
	return f, nil
}

// eachShard calls do for every stretch of a range of a buffer that lies in one shard.
func (a *Assembly) eachShard(buffer int, offset int64, data []byte, do func(f *os.File, data []byte, at int64) error) error {
	for len(data) > 0 {
		start := offset / MaxShardSize * MaxShardSize
		n := min(int64(len(data)), start+MaxShardSize-offset)
		f, err := a.shard(buffer, start)
		if err != nil {
			return err
		}
		if err := do(f, data[:n], offset-start); err != nil {
			return fmt.Errorf("weights: %w", err)
		}
		data, offset = data[n:], offset+n
	}
	return nil
}

func (a *Assembly) writeAt(buffer int, offset int64, data []byte) error {
	return a.eachShard(buffer, offset, data, func(f *os.File, data []byte, at int64) error {
		_, err := f.WriteAt(data, at)
		return err
	})
}

// readAt reads what is written so far, and zeros elsewhere.
func (a *Assembly) readAt(buffer int, offset int64, data []byte) error {
	return a.eachShard(buffer, offset, data, func(f *os.File, data []byte, at int64) error {
		n, err := f.ReadAt(data, at)
		clear(data[n:])
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return err
	})
}

// Sync brings what was added to the disk, and closes all files.
func (a *Assembly) Sync() error {
	var errs []error
	for name, f := range a.files {
		errs = append(errs, f.Sync(), f.Close())
		delete(a.files, name)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("weights: %w", err)
	}
	return nil
}

// Finish makes the model of what was added, moves it to dst, and removes the assembly's folder.
func (a *Assembly) Finish(ctx context.Context, seed Seed, dst string, force bool) (*Manifest, error) {
	if err := a.Sync(); err != nil {
		return nil, err
	}
	model := filepath.Join(a.dir, assembledDir)
	var shards []Shard
	for buffer, spec := range a.plan.Buffers {
		for offset := int64(0); offset < spec.Size; offset += MaxShardSize {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("weights: %w", err)
			}
			shard, err := finishShard(model, Shard{Size: min(MaxShardSize, spec.Size-offset), Buffer: buffer, Offset: offset})
			if err != nil {
				return nil, fmt.Errorf("weights: %w", err)
			}
			shards = append(shards, shard)
		}
	}
	m, err := writeManifest(model, a.plan, seed, shards)
	if err != nil {
		return nil, err
	}
	if err := replace(model, dst, filepath.Clean(dst)+".old", force); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(a.dir); err != nil {
		return nil, fmt.Errorf("weights: %w", err)
	}
	return m, nil
}

// finishShard fills a shard up with zeros and gives it the name of its content.
func finishShard(dir string, s Shard) (Shard, error) {
	part := filepath.Join(dir, fmt.Sprintf("part-%d-%d", s.Buffer, s.Offset))
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return s, err
	}
	hash := sha256.New()
	err = f.Truncate(s.Size)
	if err == nil {
		_, err = io.Copy(hash, f)
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return s, err
	}
	s.SHA256 = hex.EncodeToString(hash.Sum(nil))
	s.File = ShardFile(s.SHA256)
	return s, os.Rename(part, filepath.Join(dir, s.File))
}

// A SourceFile is a file of a checkpoint that lies elsewhere.
type SourceFile struct {
	Name string
	Size int64
	Data io.ReaderAt
}

// InventoryOfFiles lists the tensors of safetensors files, or of a GGUF file or its parts, with the metadata.
func InventoryOfFiles(name string, files []SourceFile) (*Metadata, *Inventory, error) {
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("weights: %s: %w", name, fs.ErrNotExist)
	}
	var metadata *Metadata
	var all []SourceTensor
	for i, f := range files {
		var tensors []SourceTensor
		var m *Metadata
		var err error
		if isGGUFName(f.Name) {
			m, tensors, err = readGGUF(f.Name, f.Data, f.Size)
		} else {
			tensors, err = readSafetensors(f.Name, f.Data, f.Size)
		}
		if err != nil {
			return nil, nil, err
		}
		if m != nil {
			if count := cmp.Or(m.Int(splitCountKey), 1); count != len(files) || m.Int(splitNumberKey) != i {
				return nil, nil, fmt.Errorf("weights: %s: says that it is part %d of %d, not %d of %d", f.Name, m.Int(splitNumberKey)+1, count, i+1, len(files))
			}
			if i == 0 {
				metadata = m
			}
			if err := m.Err(); err != nil {
				return nil, nil, err
			}
		}
		all = append(all, tensors...)
	}
	inv, err := NewInventory(name, all)
	return metadata, inv, err
}
