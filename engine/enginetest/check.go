package enginetest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tabseek/engine"
	"tabseek/engine/gpu"
	"tabseek/engine/tokenizer"
	"tabseek/engine/weights"
)

// A Case is one shape of model. The zero value of a field is the plain choice.
type Case struct {
	Name    string
	Config  Config
	Prompt  int  // tokens; 0: 9, which is more than one step of a prompt
	Context int  // 0: the engine's default
	Exact   bool // the context holds the prompt and nothing more

	DTypes    DTypes // nil: BF16
	Copies    bool   // MTP layers bring their own embedding and head, as DeepSeek-V3's do
	Tensors   Config // changes of the config that the tensors follow, as if it spoke of another model than the checkpoint has
	Fused     bool   // the experts of a layer are two tensors, as transformers 5 holds them
	Files     int    // weight files; more than 1 with an index
	GGUF      *GGUF  // one file of that kind instead
	MaxBuffer int64  // see weights.PlanOptions

	Scales map[string]float64 // factors of tensors, by how their names end
	Shifts map[string]float64 // added to tensors, by how their names end

	Native bool // worth running on a GPU each time; the others are, where there is time (.ci/soak)
}

func (c *Case) dtypes() DTypes {
	if c.DTypes == nil {
		return Plain(weights.DTypeBF16)
	}
	return c.DTypes
}

// answerTokens is how many tokens a case generates greedily.
const answerTokens = 6

// Choices must be clearer than this in float64 for float32 to agree: ranks of experts are computed to about 1e-6, logits to 1e-5.
const (
	clearRank  = 2e-5
	clearLogit = 2e-3
)

// expected is what the formulas say of a case.
type expected struct {
	checkpoint   *Checkpoint
	tokens       []int
	main, drafts [][]float64
	greedy       []int
}

// expect draws a checkpoint and a prompt with no near-tie among their choices.
func (c *Case) expect(t testing.TB) *expected {
	h := fnv.New64a()
	h.Write([]byte(c.Name))
	for seed := h.Sum64(); ; seed++ {
		checkpoint, err := draw(c, seed)
		require.NoError(t, err)
		x := &expected{checkpoint: checkpoint}
		random := rand.New(rand.NewPCG(seed, 2))
		for range max(c.Prompt, 1) {
			x.tokens = append(x.tokens, random.IntN(c.Config.numbers().Vocab))
		}
		if x.compute(checkpoint.Reference(), !c.Exact) {
			return x
		}
		require.Less(t, seed-h.Sum64(), uint64(40), "no weights without near-ties found")
	}
}

// compute fills in what the formulas say; it reports whether every choice is clear.
func (x *expected) compute(r *Reference, generate bool) bool {
	s := r.begin()
	x.main, x.drafts, x.greedy = nil, nil, nil
	for i, token := range x.tokens {
		x.main = append(x.main, s.step(token))
		if r.n.MTP > 0 && i+1 < len(x.tokens) {
			x.drafts = append(x.drafts, s.draft(x.tokens[i+1]))
		}
	}
	logits, clear := x.main[len(x.main)-1], true
	for generate && len(x.greedy) < answerTokens {
		best := argmax(logits)
		x.greedy = append(x.greedy, best)
		rest := slices.Delete(slices.Clone(logits), best, best+1)
		clear = clear && (len(rest) == 0 || logits[best]-slices.Max(rest) > clearLogit)
		logits = s.step(best)
	}
	return clear && r.Margin > clearRank
}

func argmax(x []float64) int { return slices.Index(x, slices.Max(x)) }

// Tolerance is how far logits may be from float64. Logits are about 3, their extremes 12; a wrong formula shows as 1e-2 and more.
type Tolerance float64

// The devices' tolerances.
const (
	// Go references sum in float64 and round an activation to float32 about 10 times a layer: 30 errors of 6e-8, the most
	// of them averaged away, on logits of 12. Measured: 2e-6.
	Reference64 Tolerance = 1e-5
	// GPUs also sum in float32, up to a thousand terms, and their exp may err by several units in the last place. Measured: 8e-6.
	Native32 Tolerance = 1e-4
)

// Pack draws a checkpoint of the case, whatever its choices are, and packs it.
func (c Case) Pack(t testing.TB, quant weights.Quant, seed weights.Seed) (packed string, checkpoint *Checkpoint) {
	checkpoint, err := draw(&c, 1)
	require.NoError(t, err)
	return c.pack(t, checkpoint, quant, seed), checkpoint
}

func (c Case) pack(t testing.TB, checkpoint *Checkpoint, quant weights.Quant, seed weights.Seed) string {
	if c.GGUF != nil {
		path := filepath.Join(t.TempDir(), "checkpoint.gguf")
		require.NoError(t, checkpoint.WriteGGUF(path, *c.GGUF))
		text, err := json.Marshal(checkpoint.Tokenizer)
		require.NoError(t, err)
		seed.Tokenizer, err = tokenizer.Compile(text)
		require.NoError(t, err)
		return PackGGUF(t, path, weights.PlanOptions{Quant: quant, MaxBuffer: c.MaxBuffer}, seed)
	}
	folder := filepath.Join(t.TempDir(), "checkpoint")
	if c.Fused {
		checkpoint = checkpoint.fused()
	}
	require.NoError(t, checkpoint.Write(folder, c.Files))
	return Pack(t, folder, weights.PlanOptions{Quant: quant, MaxBuffer: c.MaxBuffer}, seed)
}

// Run packs the case, runs it on the device by prefill and by decode, and compares logits, drafts and the greedy answer.
func (c Case) Run(t testing.TB, device gpu.Device, tolerance Tolerance) {
	if c.Prompt == 0 {
		c.Prompt = 9
	}
	x := c.expect(t)
	packed := c.pack(t, x.checkpoint, weights.QuantKeep, weights.Seed{Name: c.Name})
	if c.Exact {
		c.Context = c.Prompt
	}
	host := Open(t, packed, device, engine.Options{Context: c.Context, Chunk: 4}, nil)
	x.compare(t, host, tolerance)
}

// compare asks an engine for all that the formulas have said.
func (x *expected) compare(t testing.TB, host *Host, tolerance Tolerance) {
	for _, mode := range []string{"prefill", "decode"} {
		main, drafts := host.Logits(x.tokens, mode, x.drafts != nil)
		near(t, x.main, main, tolerance, mode)
		near(t, x.drafts, drafts, tolerance, "drafts by "+mode)
	}
	if x.greedy != nil {
		ids, last := host.Generate(x.tokens, Greedy(len(x.greedy)))
		require.EqualValues(t, "done", last.Type, last.Message)
		require.Equal(t, x.greedy, ids, "the greedy answer")
	}
}

func near(t testing.TB, want [][]float64, got [][]float32, tolerance Tolerance, what string) {
	require.Equal(t, len(want), len(got), "%s: rows", what)
	worst, where := 0.0, ""
	for i, row := range want {
		require.Equal(t, len(row), len(got[i]), "%s: width", what)
		for j, v := range row {
			d := math.Abs(float64(got[i][j]) - v)
			if math.IsNaN(d) {
				d = math.Inf(1)
			}
			if d > worst {
				worst, where = d, fmt.Sprintf("row %d, token %d: %g, want %g", i, j, got[i][j], v)
			}
		}
	}
	require.LessOrEqual(t, worst, float64(tolerance), "%s: %s", what, where)
	t.Logf("%s: largest difference %.1e", what, worst)
}
