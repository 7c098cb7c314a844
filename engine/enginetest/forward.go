package enginetest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// latentEps is the epsilon of q_a_layernorm and kv_a_layernorm in the model authors' code, whatever rms_norm_eps says.
const latentEps = 1e-6

// A matrix has rows of cols numbers; a vector is a matrix of one row.
type matrix struct {
	rows, cols int
	values     []float64
}

func (m matrix) row(i int) []float64 { return m.values[i*m.cols : (i+1)*m.cols] }

// times is the matrix times a vector.
func (m matrix) times(x []float64) []float64 {
	if len(x) != m.cols {
		panic(fmt.Sprintf("enginetest: [%d %d] times a vector of %d", m.rows, m.cols, len(x)))
	}
	y := make([]float64, m.rows)
	for i := range y {
		y[i] = dot(m.row(i), x)
	}
	return y
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

func plus(a, b []float64) []float64 {
	sum := make([]float64, len(a))
	for i := range a {
		sum[i] = a[i] + b[i]
	}
	return sum
}

// A Reference is a model in float64: a config and tensors by their Hugging Face names.
type Reference struct {
	n       numbers
	weights map[string]matrix

	// Margin is how near the closest choice of an expert or of a group of experts was to falling otherwise, over
	// all tokens so far: the least difference of ranks between the last chosen and the first left out.
	Margin float64
}

// A sequence is a context that grows token by token.
type sequence struct {
	*Reference
	caches []cache // of each layer
	length int
	hidden []float64 // of the last token, after the final norm
}

// cache holds the expanded keys [token][head][nope+rope] and values [token][head][v] of a layer.
type cache struct{ keys, values [][][]float64 }

func (r *Reference) begin() *sequence {
	return &sequence{Reference: r, caches: make([]cache, r.n.Layers+r.n.MTP)}
}

// step adds a token and returns the logits of what follows it.
func (s *sequence) step(token int) []float64 {
	x := scaled(s.weights["model.embed_tokens.weight"].row(token), s.n.ScaleEmb)
	for layer := range s.n.Layers {
		x = s.block(layer, x, s.length)
	}
	s.length++
	s.hidden = s.norm(x, "model.norm.weight", s.n.Eps)
	return scaled(s.head().times(s.hidden), s.n.DimModelBase/float64(s.n.Hidden))
}

// scaled is the vector times a factor, if there is one.
func scaled(x []float64, factor float64) []float64 {
	if factor == 0 {
		return x
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = v * factor
	}
	return y
}

// draft is the MTP module's guess at the token after next, which follows the last token's hidden state and next
// (DeepSeek-V3, section 2.2, with the checkpoints' order: embedding first). It must be asked for every position.
func (s *sequence) draft(next int) []float64 {
	name := func(part string) string { return fmt.Sprintf("model.layers.%d.%s.weight", s.n.Layers, part) }
	embedding := s.norm(s.weights["model.embed_tokens.weight"].row(next), name("enorm"), s.n.Eps)
	hidden := s.norm(s.hidden, name("hnorm"), s.n.Eps)
	x := s.weights[name("eh_proj")].times(append(embedding, hidden...))
	x = s.block(s.n.Layers, x, s.length-1)
	return s.head().times(s.norm(x, name("shared_head.norm"), s.n.Eps))
}

func (r *Reference) head() matrix {
	if r.n.Tied {
		return r.weights["model.embed_tokens.weight"]
	}
	return r.weights["lm_head.weight"]
}

// norm is RMSNorm.
func (r *Reference) norm(x []float64, weight string, eps float64) []float64 {
	scale := 1 / math.Sqrt(dot(x, x)/float64(len(x))+eps)
	y := make([]float64, len(x))
	for i, w := range r.weights[weight].values {
		y[i] = w * x[i] * scale
	}
	return y
}

// block is a decoder layer: h += Attention(norm(h)); h += FFN(norm(h)).
func (s *sequence) block(layer int, h []float64, position int) []float64 {
	name := func(part string) string { return fmt.Sprintf("model.layers.%d.%s", layer, part) }
	attention := s.attention
	if s.n.grouped() {
		attention = s.groupedAttention
	}
	depth := s.n.ScaleDepth / math.Sqrt(float64(s.n.Layers))
	h = plus(h, scaled(attention(&s.caches[layer], name("self_attn."), s.norm(h, name("input_layernorm.weight"), s.n.Eps), position), depth))
	x := s.norm(h, name("post_attention_layernorm.weight"), s.n.Eps)
	if s.n.moe(layer) {
		return plus(h, s.experts(name("mlp."), x))
	}
	return plus(h, scaled(s.mlp(name("mlp."), x), depth))
}

// attention is multi-head latent attention with keys and values rebuilt from the latent (DeepSeek-V2, section 2.1.2).
func (s *sequence) attention(past *cache, prefix string, x []float64, position int) []float64 {
	n := &s.n
	w := func(name string) matrix { return s.weights[prefix+name+".weight"] }
	var queries []float64
	if n.QRank == 0 {
		queries = w("q_proj").times(x)
	} else {
		queries = w("q_b_proj").times(s.norm(w("q_a_proj").times(x), prefix+"q_a_layernorm.weight", latentEps))
	}
	latent := w("kv_a_proj_with_mqa").times(x)
	shared := n.rotate(latent[n.Rank:], position)
	expanded := w("kv_b_proj").times(s.norm(latent[:n.Rank], prefix+"kv_a_layernorm.weight", latentEps))
	var keys, values [][]float64
	for head := range n.Heads {
		own := expanded[head*(n.Nope+n.V) : (head+1)*(n.Nope+n.V)]
		keys = append(keys, slices.Concat(own[:n.Nope], shared))
		values = append(values, own[n.Nope:])
	}
	past.keys, past.values = append(past.keys, keys), append(past.values, values)

	var outputs []float64
	for head := range n.Heads {
		q := queries[head*(n.Nope+n.Rope) : (head+1)*(n.Nope+n.Rope)]
		q = slices.Concat(q[:n.Nope], n.rotate(q[n.Nope:], position))
		scores := make([]float64, len(past.keys))
		for t := range scores {
			scores[t] = dot(q, past.keys[t][head]) * n.softmaxScale()
		}
		output := make([]float64, n.V)
		for t, p := range softmax(scores) {
			for i, v := range past.values[t][head] {
				output[i] += p * v
			}
		}
		outputs = append(outputs, output...)
	}
	return w("o_proj").times(outputs)
}

func softmax(x []float64) []float64 {
	largest, sum := slices.Max(x), 0.0
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = math.Exp(v - largest)
		sum += y[i]
	}
	for i := range y {
		y[i] /= sum
	}
	return y
}

// mlp is down(silu(gate x) * up x), or down(relu(up x)^2).
func (r *Reference) mlp(prefix string, x []float64) []float64 {
	if r.n.Act == "relu2" {
		up := r.weights[prefix+"up_proj.weight"].times(x)
		for i, u := range up {
			up[i] = max(u, 0) * max(u, 0)
		}
		return r.weights[prefix+"down_proj.weight"].times(up)
	}
	gate, up := r.weights[prefix+"gate_proj.weight"].times(x), r.weights[prefix+"up_proj.weight"].times(x)
	for i, g := range gate {
		up[i] *= g / (1 + math.Exp(-g))
	}
	return r.weights[prefix+"down_proj.weight"].times(up)
}

// experts is the sum of the chosen experts, weighed, and of the shared ones, not weighed.
func (r *Reference) experts(prefix string, x []float64) []float64 {
	sum := make([]float64, len(x))
	if r.n.Shared > 0 {
		sum = r.mlp(prefix+"shared_experts.", x)
	}
	for expert, weight := range r.route(prefix, x) {
		if weight == nil {
			continue
		}
		for i, v := range r.mlp(fmt.Sprintf("%sexperts.%d.", prefix, expert), x) {
			sum[i] += *weight * v
		}
	}
	return sum
}

// route gives the weight of every chosen expert (DeepSeek-V2, section 2.2; DeepSeek-V3, section 2.1.2).
func (r *Reference) route(prefix string, x []float64) []*float64 {
	n := &r.n
	scores := r.weights[prefix+"gate.weight"].times(x)
	if n.Scoring == "softmax" {
		scores = softmax(scores)
	} else {
		for i, l := range scores {
			scores[i] = 1 / (1 + math.Exp(-l))
		}
	}
	ranks := slices.Clone(scores)
	if n.Method == "noaux_tc" {
		ranks = plus(ranks, r.weights[prefix+"gate.e_score_correction_bias"].values)
	}
	if n.Method != "greedy" && n.Groups > 1 {
		per := n.Experts / n.Groups
		groups := make([]float64, n.Groups)
		for g := range groups {
			best := slices.Clone(ranks[g*per : (g+1)*per])
			slices.Sort(best)
			groups[g] = best[per-1]
			if n.Method == "noaux_tc" && per > 1 {
				groups[g] += best[per-2]
			}
		}
		kept := r.top(groups, n.TopKGroups)
		for e := range ranks {
			if !kept[e/per] {
				ranks[e] = math.Inf(-1)
			}
		}
	}
	sum := 0.0
	chosen := r.top(ranks, n.TopK)
	for e, score := range scores {
		if chosen[e] {
			sum += score
		}
	}
	weights := make([]*float64, n.Experts)
	for e, score := range scores {
		if !chosen[e] {
			continue
		}
		if n.Norm && n.TopK > 1 {
			score /= sum + 1e-20
		}
		score *= n.RoutedFactor
		weights[e] = &score
	}
	return weights
}

// top marks the k greatest, and notes how clear the choice was.
func (r *Reference) top(values []float64, k int) []bool {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[b], values[a]) })
	if k < len(order) {
		r.Margin = min(r.Margin, values[order[k-1]]-values[order[k]])
	}
	marks := make([]bool, len(values))
	for _, i := range order[:k] {
		marks[i] = true
	}
	return marks
}

// mscale is YaRN's m(s, a) (arXiv 2309.00071, as DeepSeek uses it).
func mscale(factor, a float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 0.1*a*math.Log(factor) + 1
}

func (n *numbers) softmaxScale() float64 {
	scale := 1 / math.Sqrt(float64(n.Nope+n.Rope))
	if s := n.Scaling; s != nil && s.AllDim != 0 {
		scale *= mscale(s.Factor, s.AllDim) * mscale(s.Factor, s.AllDim)
	}
	return scale
}

// rotate turns adjacent pairs by position times frequency, with YaRN's frequencies and magnitude if there is a block for it.
func (n *numbers) rotate(x []float64, position int) []float64 {
	if n.ModelType == "minicpm3" {
		n.HeadDim = n.Rope
		return n.rotateHalves(x, position)
	}
	magnitude := 1.0
	if s := n.Scaling; s != nil {
		magnitude = mscale(s.Factor, s.MScale) / mscale(s.Factor, s.AllDim)
	}
	y := make([]float64, len(x))
	for i := range len(x) / 2 {
		sin, cos := math.Sincos(float64(position) * n.frequency(i))
		a, b := x[2*i], x[2*i+1]
		y[2*i], y[2*i+1] = magnitude*(a*cos-b*sin), magnitude*(a*sin+b*cos)
	}
	return y
}

func (n *numbers) frequency(i int) float64 {
	dim := float64(n.Rope)
	extra := 1 / math.Pow(n.Theta, float64(2*i)/dim)
	s := n.Scaling
	if s == nil {
		return extra
	}
	correction := func(rotations float64) float64 {
		return dim * math.Log(s.Original/(rotations*2*math.Pi)) / (2 * math.Log(n.Theta))
	}
	low, high := max(math.Floor(correction(s.BetaFast)), 0), min(math.Ceil(correction(s.BetaSlow)), dim-1)
	if low == high {
		high += 0.001
	}
	mask := 1 - min(max((float64(i)-low)/(high-low), 0), 1)
	return extra/s.Factor*(1-mask) + extra*mask
}
