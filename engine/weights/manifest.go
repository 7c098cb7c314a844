package weights

import (
	"cmp"
	"encoding/json"
	"fmt"
)

// What model.json says about itself.
const (
	ManifestFile    = "model.json"
	ManifestFormat  = "tabseek-model"
	ManifestVersion = 2 // 2: the tokenizer is compiled
)

// Limits of a packed model.
const (
	// DefaultBufferSize is what every WebGPU device can bind (maxStorageBufferBindingSize of the minimum profile). Larger
	// buffers save dispatches on devices that can bind them.
	DefaultBufferSize = 128 << 20
	MaxBufferSize     = 2 << 30
	MaxShardSize      = 32 << 20

	maxManifestSize  = 32 << 20
	maxTensors       = 1 << 16
	maxPieces        = 1 << 12 // of one tensor
	maxBuffers       = 1 << 14 // 2 TiB
	maxShards        = 1 << 16
	maxTokenizerSize = 64 << 20
	maxTokenID       = 1 << 24
)

// Manifest is model.json: what a packed model consists of and where it lies.
// ParseManifest makes it; one built by hand has no Tensor lookup until it has
// passed through Marshal and ParseManifest.
type Manifest struct {
	Format  string `json:"format"`
	Version int    `json:"version"`
	// Architecture is the model's configuration. It is opaque here: its
	// meaning belongs to the package that runs the architecture.
	Architecture json.RawMessage `json:"architecture"`
	Tensors      []Tensor        `json:"tensors"`
	Buffers      []BufferSpec    `json:"buffers"`
	Shards       []Shard         `json:"shards"`
	Tokenizer    TokenizerFile   `json:"tokenizer"`
	Chat         string          `json:"chat"` // family of the chat format
	ChatWords    ChatWords       `json:"chat_words,omitzero"`
	Special      Special         `json:"special"`
	Generation   Generation      `json:"generation"`
	Source       Source          `json:"source"`

	byName map[string]int
}

// Tensor is one packed tensor: a vector [len], a matrix [rows, K] or a stack of
// matrices [n, rows, K].
type Tensor struct {
	Name   string `json:"name"`
	Format Format `json:"format"`
	Shape  []int  `json:"shape"`
	// PartsAt lists the first row of each part of a concatenation, absent for a
	// single part. In FP8 parts start at multiples of TileElems, with zero rows between.
	PartsAt []int   `json:"parts_at,omitempty"`
	Pieces  []Piece `json:"pieces"`
}

// Piece is a run of a tensor that lies within one buffer: Count rows of a
// matrix, matrices of a stack or elements of a vector, from First on.
type Piece struct {
	First int `json:"first"`
	Count int `json:"count"`
	// Format is that of a part of a concatenation that differs from the tensor's.
	Format Format `json:"format,omitempty"`
	Quants Plane  `json:"quants"`
	Scales *Plane `json:"scales,omitempty"`
}

// Plane is a byte range of a GPU buffer, aligned to PlaneAlign.
type Plane struct {
	Buffer int   `json:"buffer"`
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
}

// BufferSpec is one GPU buffer to be created, in bytes.
type BufferSpec struct {
	Size int64 `json:"size"`
}

// Shard is a file that holds the bytes [Offset, Offset+Size) of a buffer.
type Shard struct {
	File   string `json:"file"` // sha256-<SHA256>.bin
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
	Buffer int    `json:"buffer"`
	Offset int64  `json:"offset"`
}

// TokenizerFile is the compiled tokenizer that lies beside model.json.
type TokenizerFile struct {
	File   string `json:"file"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// ChatWords are what a checkpoint's chat template says beyond its family; what is empty is the family's own.
type ChatWords struct {
	System string `json:"system,omitempty"` // where there is no system message, or before it
	BOS    string `json:"bos,omitempty"`    // the token that the template calls bos_token
	EOS    string `json:"eos,omitempty"`
}

// Special lists token ids with a meaning of their own.
type Special struct {
	EOS []int `json:"eos"` // any of them ends an answer
}

// Generation holds the model's recommended sampling; nil where it recommends nothing.
type Generation struct {
	Temperature       *float64 `json:"temperature,omitempty"`
	TopP              *float64 `json:"top_p,omitempty"`
	TopK              *int     `json:"top_k,omitempty"`
	MinP              *float64 `json:"min_p,omitempty"`
	RepetitionPenalty *float64 `json:"repetition_penalty,omitempty"`
}

// Source tells where the weights came from.
type Source struct {
	Name    string `json:"name"`
	Quant   Quant  `json:"quant"`
	Origin  string `json:"origin,omitempty"`  // where it was fetched: HUB/OWNER/NAME@COMMIT
	License string `json:"license,omitempty"` // as the origin names it
	// Formats counts the parameters held in each packed format.
	Formats map[Format]int64 `json:"formats"`
}

// ParseManifest reads model.json and checks every size, range and name in it,
// so that whoever uses the result may index buffers and planes without
// checking again.
func ParseManifest(data []byte) (*Manifest, error) {
	m, err := parseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("weights: %s: %w", ManifestFile, err)
	}
	return m, nil
}

func parseManifest(data []byte) (*Manifest, error) {
	if len(data) > maxManifestSize {
		return nil, fmt.Errorf("%d bytes, more than %d", len(data), maxManifestSize)
	}
	m := new(Manifest)
	if err := json.Unmarshal(data, m); err != nil {
		return nil, err
	}
	if m.Format != ManifestFormat {
		return nil, fmt.Errorf("format is %q, want %q", m.Format, ManifestFormat)
	}
	if m.Version != ManifestVersion {
		return nil, fmt.Errorf("version is %d, this program reads %d: pack the model again", m.Version, ManifestVersion)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// Marshal writes the manifest as model.json holds it.
func (m *Manifest) Marshal() ([]byte, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("weights: %s: %w", ManifestFile, err)
	}
	return append(data, '\n'), nil
}

// Tensor finds a tensor by name.
func (m *Manifest) Tensor(name string) (*Tensor, bool) {
	i, ok := m.byName[name]
	if !ok {
		return nil, false
	}
	return &m.Tensors[i], true
}

// Bytes is the size of all weights on the GPU.
func (m *Manifest) Bytes() int64 {
	var total int64
	for _, b := range m.Buffers {
		total += b.Size
	}
	return total
}

// Dims reads the shape as a stack: n matrices of rows x k. A vector is one row
// and a plain matrix a stack of one.
func (t *Tensor) Dims() (n, rows, k int) { return matrixDims(t.Shape) }

// PieceFormat is the format of one of the tensor's pieces.
func (t *Tensor) PieceFormat(p *Piece) Format { return cmp.Or(p.Format, t.Format) }

// PieceShape is the shape of one of the tensor's pieces.
func (t *Tensor) PieceShape(p *Piece) []int {
	shape := append([]int(nil), t.Shape...)
	shape[0] = p.Count
	return shape
}

// Bytes is the size of the tensor's planes.
func (t *Tensor) Bytes() int64 {
	var total int64
	for _, p := range t.Pieces {
		total += p.Quants.Size
		if p.Scales != nil {
			total += p.Scales.Size
		}
	}
	return total
}
