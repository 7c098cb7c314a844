// router format=f32 experts=8 top_k=3 shared=2 groups=1 top_k_group=1 sigmoid=false bias=false norm_top_k=false group_max=false aligned=true
const EXPERTS: u32 = 8u;
const TOP_K: u32 = 3u;
const SHARED: u32 = 2u;
const GROUPS: u32 = 1u;
const TOP_K_GROUP: u32 = 1u;
const SIGMOID: bool = false;
const BIAS: bool = false;
const NORM_TOP_K: bool = false;
const GROUP_MAX: bool = false;
const ALIGNED: bool = true;
// f32: a block is 8 words of 4 numbers.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> array<vec4<f32>, 8> {
  var out: array<vec4<f32>, 8>;
  let at = ((matrix * rows + row) * blocks + block) * 8u;
  for (var i = 0u; i < 8u; i++) {
    out[i] = bitcast<vec4<f32>>(weights[at + i]);
  }
  return out;
}

// The activations x, read 4 at a time: rows and offsets are multiples of 4 and widths of 32.
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

// Elements at .. at+3, of which `left` belong to the row: here always all.
fn x4(at: u32, left: u32) -> vec4<f32> {
  return x[at / 4u];
}

// The weight of an RMSNorm that is applied to x on the way.
@group(0) @binding(2) var<storage, read> norm: array<f32>;

// Elements k .. k+3 of the norm, of which `left` exist; the others count as 0.
fn norm4(k: u32, left: u32) -> vec4<f32> {
  if (left >= 4u) {
    return vec4<f32>(norm[k], norm[k + 1u], norm[k + 2u], norm[k + 3u]);
  }
  var v = vec4<f32>(0.0);
  if (left > 0u) { v.x = norm[k]; }
  if (left > 1u) { v.y = norm[k + 1u]; }
  if (left > 2u) { v.z = norm[k + 2u]; }
  return v;
}

// Experts are ranked by their scores alone.
fn bias_of(expert: u32) -> f32 {
  return 0.0;
}

// The choice of experts: scores of RMSNorm(x[r]) by the router's matrix, groups, top-k, weights; then the shared experts as
// further slots of weight 1. (DeepSeek-V2, section 2.2; DeepSeek-V3, section 2.1.2.)
//
//   SIGMOID: score = sigmoid(logit), else softmax over all experts. What ranks an expert is its score, plus, with BIAS,
//   the balancing bias, which never weighs it. With GROUPS > 1 only the TOP_K_GROUP best groups take part; a group ranks by
//   its best expert (GROUP_MAX) or by the sum of its best two. Ties go to the lower number.
//
// One workgroup does one row: a thread computes the logits of every 256th expert, then ranks them.

struct Params {
  width: u32,
  x_stride: u32,
  epsilon: f32,
  scaling_factor: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> routes: array<vec2<u32>>;  // (rows, TOP_K + SHARED): expert, weight as f32 bits

var<workgroup> squares: array<f32, 256>;
var<workgroup> scores: array<f32, EXPERTS>;
var<workgroup> ranks: array<f32, EXPERTS>;    // what an expert is ranked by
var<workgroup> group_ranks: array<f32, GROUPS>;
var<workgroup> chosen: array<u32, TOP_K>;

const NOTHING: f32 = -3.0e38;
const PER_GROUP: u32 = EXPERTS / GROUPS;

// How many of the n ranks from `first` on go before number i: greater, or equal and lower-numbered.
fn better(i: u32, first: u32, n: u32) -> u32 {
  var count = 0u;
  for (var j = first; j < first + n; j++) {
    if (ranks[j] > ranks[i] || (ranks[j] == ranks[i] && j < i)) {
      count++;
    }
  }
  return count;
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let blocks = (params.width + 31u) / 32u;

  var square = 0.0;
  for (var k = 4u * thread; k < params.width; k += 1024u) {
    let v = x4(row * params.x_stride + k, params.width - k);
    square += dot(v, v);
  }
  squares[thread] = square;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < 256u; i++) {
    total += squares[i];
  }
  let rms = sqrt(total / f32(params.width) + params.epsilon);

  for (var expert = thread; expert < EXPERTS; expert += 256u) {
    var logit = 0.0;
    for (var block = 0u; block < blocks; block++) {
      var w = load_block(0u, expert, block, EXPERTS, blocks);
      let left = params.width - 32u * block;
      for (var i = 0u; i < 8u; i++) {
        let k = 32u * block + 4u * i;
        let here = left - min(left, 4u * i);
        logit += dot(w[i] * norm4(k, here), x4(row * params.x_stride + k, here));
      }
    }
    logit /= rms;
    scores[expert] = select(logit, 1.0 / (1.0 + exp(-logit)), SIGMOID);
  }
  workgroupBarrier();
  if (!SIGMOID) {
    var largest = NOTHING;
    for (var i = 0u; i < EXPERTS; i++) {
      largest = max(largest, scores[i]);
    }
    var sum = 0.0;
    for (var i = 0u; i < EXPERTS; i++) {
      sum += exp(scores[i] - largest);
    }
    workgroupBarrier();
    for (var expert = thread; expert < EXPERTS; expert += 256u) {
      scores[expert] = exp(scores[expert] - largest) / sum;
    }
    workgroupBarrier();
  }
  for (var expert = thread; expert < EXPERTS; expert += 256u) {
    ranks[expert] = scores[expert] + bias_of(expert);
  }
  workgroupBarrier();

  if (GROUPS > 1u) {
    for (var g = thread; g < GROUPS; g += 256u) {
      var best = NOTHING;
      var second = NOTHING;
      for (var i = g * PER_GROUP; i < (g + 1u) * PER_GROUP; i++) {
        if (ranks[i] > best) {
          second = best;
          best = ranks[i];
        } else if (ranks[i] > second) {
          second = ranks[i];
        }
      }
      group_ranks[g] = best + select(second, 0.0, GROUP_MAX || PER_GROUP == 1u);
    }
    workgroupBarrier();
    for (var expert = thread; expert < EXPERTS; expert += 256u) {
      let g = expert / PER_GROUP;
      var ahead = 0u;
      for (var j = 0u; j < GROUPS; j++) {
        if (group_ranks[j] > group_ranks[g] || (group_ranks[j] == group_ranks[g] && j < g)) {
          ahead++;
        }
      }
      if (ahead >= TOP_K_GROUP) {
        ranks[expert] = NOTHING;
      }
    }
    workgroupBarrier();
  }

  for (var expert = thread; expert < EXPERTS; expert += 256u) {
    let place = better(expert, 0u, EXPERTS);
    if (place < TOP_K) {
      chosen[place] = expert;
    }
  }
  workgroupBarrier();
  if (thread < TOP_K) {
    var weight = scores[chosen[thread]];
    if (NORM_TOP_K) {
      var sum = 0.0;
      for (var i = 0u; i < TOP_K; i++) {
        sum += scores[chosen[i]];
      }
      weight /= sum + 1e-20;
    }
    routes[row * (TOP_K + SHARED) + thread] = vec2<u32>(chosen[thread], bitcast<u32>(weight * params.scaling_factor));
  } else if (thread < TOP_K + SHARED) {
    routes[row * (TOP_K + SHARED) + thread] = vec2<u32>(EXPERTS + thread - TOP_K, bitcast<u32>(1.0));
  }
}

