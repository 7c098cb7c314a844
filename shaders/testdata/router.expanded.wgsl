// router experts=8 top_k=3 shared=2 groups=1 top_k_group=1 sigmoid=false bias=false norm_top_k=false group_max=false norm=true count=false format=f32 lanes=4 rows=1 threads=32 partials=64 int8=false aligned=true
const EXPERTS: u32 = 8u;
const TOP_K: u32 = 3u;
const SHARED: u32 = 2u;
const GROUPS: u32 = 1u;
const TOP_K_GROUP: u32 = 1u;
const SIGMOID: bool = false;
const BIAS: bool = false;
const NORM_TOP_K: bool = false;
const GROUP_MAX: bool = false;
const NORM: bool = true;
const COUNT: bool = false;
const LANES: u32 = 4u;
const ROWS: u32 = 1u;
const THREADS: u32 = 32u;
const PARTIALS: u32 = 64u;
const INT8: bool = false;
const ALIGNED: bool = true;
// 32 consecutive numbers of a row. Named fields, not an array: what is indexed by a variable is kept in memory.
struct Block {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
  f: vec4<f32>,
  g: vec4<f32>,
  h: vec4<f32>,
}

fn dot_block(v: Block, w: Block) -> f32 {
  return dot(v.a, w.a) + dot(v.b, w.b) + dot(v.c, w.c) + dot(v.d, w.d) + dot(v.e, w.e) + dot(v.f, w.f) + dot(v.g, w.g) + dot(v.h, w.h);
}

// f32: a block is 8 words of 4 numbers.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = ((matrix * rows + row) * blocks + block) * 8u;
  return Block(
    bitcast<vec4<f32>>(weights[at]), bitcast<vec4<f32>>(weights[at + 1u]), bitcast<vec4<f32>>(weights[at + 2u]), bitcast<vec4<f32>>(weights[at + 3u]),
    bitcast<vec4<f32>>(weights[at + 4u]), bitcast<vec4<f32>>(weights[at + 5u]), bitcast<vec4<f32>>(weights[at + 6u]), bitcast<vec4<f32>>(weights[at + 7u]),
  );
}

// A thread takes ROWS rows of a matrix at once, so that what it reads of x serves them all. In a workgroup of THREADS,
// of which LANES share a row, they lie ROW_STEP apart. How a block of a row is kept and multiplied, rows_float.wgsl or
// rows_int8.wgsl says.
const ROW_STEP: u32 = THREADS / LANES;
const ROWS_HERE: u32 = ROW_STEP * ROWS;  // rows of a workgroup

// The same block of each of a thread's rows; those beyond ROWS are not made.
struct RowBlocks {
  a: RowBlock,
  b: RowBlock,
  c: RowBlock,
  d: RowBlock,
}

// Rows beyond the matrix read its last one: their results are dropped.
fn load_rows(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> RowBlocks {
  var w: RowBlocks;
  w.a = load_row(matrix, min(row, rows - 1u), block, rows, blocks);
  if (ROWS > 1u) {
    w.b = load_row(matrix, min(row + ROW_STEP, rows - 1u), block, rows, blocks);
  }
  if (ROWS > 2u) {
    w.c = load_row(matrix, min(row + 2u * ROW_STEP, rows - 1u), block, rows, blocks);
    w.d = load_row(matrix, min(row + 3u * ROW_STEP, rows - 1u), block, rows, blocks);
  }
  return w;
}

// The product of each row's block with a block of activations.
fn dot_rows(w: RowBlocks, x: Factor) -> vec4<f32> {
  var dots = vec4<f32>(dot_row(w.a, x), 0.0, 0.0, 0.0);
  if (ROWS > 1u) {
    dots.y = dot_row(w.b, x);
  }
  if (ROWS > 2u) {
    dots.z = dot_row(w.c, x);
    dots.w = dot_row(w.d, x);
  }
  return dots;
}

// LANES neighbouring threads share their rows.
var<workgroup> partial: array<vec4<f32>, PARTIALS>;

// The sum of v over the lanes, in their order; only the first lane has it. Each call takes a slot of its own.
fn over_lanes(slot: u32, v: vec4<f32>, thread: u32) -> vec4<f32> {
  partial[slot * THREADS + thread] = v;
  workgroupBarrier();
  var sum = v;
  if (thread % LANES == 0u) {
    for (var lane = 1u; lane < LANES; lane++) {
      sum += partial[slot * THREADS + thread + lane];
    }
  }
  return sum;
}

// Rows and activations are multiplied as f32.
alias RowBlock = Block;
alias Factor = Block;

fn load_row(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> RowBlock {
  return load_block(matrix, row, block, rows, blocks);
}

// Activations as dot_rows wants them.
fn factor(v: Block) -> Factor {
  return v;
}

fn dot_row(w: RowBlock, x: Factor) -> f32 {
  return dot_block(w, x);
}

// Products of one, two or four rows, added to their sums: those of a block come together first, which rounds less.
fn dot_1(sum: f32, a: RowBlock, x: Factor) -> f32 {
  return sum + dot_block(x, a);
}

fn dot_2(sum: vec2<f32>, a: RowBlock, b: RowBlock, x: Factor) -> vec2<f32> {
  return sum + (x.a * mat2x4<f32>(a.a, b.a) + x.b * mat2x4<f32>(a.b, b.b) + x.c * mat2x4<f32>(a.c, b.c) + x.d * mat2x4<f32>(a.d, b.d)
    + x.e * mat2x4<f32>(a.e, b.e) + x.f * mat2x4<f32>(a.f, b.f) + x.g * mat2x4<f32>(a.g, b.g) + x.h * mat2x4<f32>(a.h, b.h));
}

fn dot_4(sum: vec4<f32>, a: RowBlock, b: RowBlock, c: RowBlock, d: RowBlock, x: Factor) -> vec4<f32> {
  return sum + (x.a * mat4x4<f32>(a.a, b.a, c.a, d.a) + x.b * mat4x4<f32>(a.b, b.b, c.b, d.b)
    + x.c * mat4x4<f32>(a.c, b.c, c.c, d.c) + x.d * mat4x4<f32>(a.d, b.d, c.d, d.d)
    + x.e * mat4x4<f32>(a.e, b.e, c.e, d.e) + x.f * mat4x4<f32>(a.f, b.f, c.f, d.f)
    + x.g * mat4x4<f32>(a.g, b.g, c.g, d.g) + x.h * mat4x4<f32>(a.h, b.h, c.h, d.h));
}

// The activations x, read 4 at a time: rows and offsets are multiples of 4 and widths of 32.
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

// Elements at .. at+31, of which `left` belong to the row: here always all.
fn x_block(at: u32, left: u32) -> Block {
  let i = at / 4u;
  return Block(x[i], x[i + 1u], x[i + 2u], x[i + 3u], x[i + 4u], x[i + 5u], x[i + 6u], x[i + 7u]);
}

fn x1(at: u32) -> f32 {
  return x[at / 4u][at % 4u];
}

// The weight of an RMSNorm that is applied to x on the way, read 4 at a time: the width is a multiple of 32.
@group(0) @binding(2) var<storage, read> norm: array<vec4<f32>>;

// Elements k .. k+31 of a row times their weights.
fn normed(v: Block, k: u32, left: u32) -> Block {
  let i = k / 4u;
  return Block(
    v.a * norm[i], v.b * norm[i + 1u], v.c * norm[i + 2u], v.d * norm[i + 3u],
    v.e * norm[i + 4u], v.f * norm[i + 5u], v.g * norm[i + 6u], v.h * norm[i + 7u],
  );
}

// What the sums of a row are divided by, from its sum of squares.
fn rms(square: f32) -> f32 {
  return sqrt(square / f32(params.width) + params.epsilon);
}

// Below every score: WGSL does not promise infinities.
const NOTHING: f32 = -3.0e38;

// Experts are ranked by their scores alone.
fn bias_of(expert: u32) -> f32 {
  return 0.0;
}

// Nothing is counted.
fn count_visit(row: u32, expert: u32) {}

// The choice of experts: scores of x[r], with NORM of RMSNorm(x[r]), by the router's matrix, groups, top-k, weights; then the shared experts as
// further slots of weight 1. (DeepSeek-V2, section 2.2; DeepSeek-V3, section 2.1.2.)
//
//   SIGMOID: score = sigmoid(logit), else softmax over all experts. What ranks an expert is its score, plus, with BIAS,
//   the balancing bias, which never weighs it. With GROUPS > 1 only the TOP_K_GROUP best groups take part; a group ranks by
//   its best expert (GROUP_MAX) or by the sum of its best two. Ties go to the lower number.
//
// Where it is asked for, each visit is counted by layer and expert.
//
// One workgroup does one row: LANES threads share the logits of ROWS experts; then a thread ranks every THREADS-th.

struct Params {
  width: u32,
  x_stride: u32,
  epsilon: f32,
  scaling_factor: f32,
  parked: u32,  // the sequence of rows that are not counted
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read_write> routes: array<vec2<u32>>;  // (rows, TOP_K + SHARED): expert, weight as f32 bits

var<workgroup> squares: array<f32, THREADS>;
var<workgroup> scores: array<f32, EXPERTS>;
var<workgroup> ranks: array<f32, EXPERTS>;    // what an expert is ranked by
var<workgroup> group_ranks: array<f32, GROUPS>;
var<workgroup> chosen: array<u32, TOP_K>;

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

fn keep_score(expert: u32, logit: f32) {
  if (expert < EXPERTS) {
    scores[expert] = select(logit, 1.0 / (1.0 + exp(min(-logit, 80.0))), SIGMOID);
  }
}

// The root mean square of a row, with epsilon.
fn row_rms(row: u32, blocks: u32, thread: u32) -> f32 {
  var square = 0.0;
  for (var block = thread; block < blocks; block += THREADS) {
    let v = x_block(row * params.x_stride + 32u * block, params.width - 32u * block);
    square += dot_block(v, v);
  }
  squares[thread] = square;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < THREADS; i++) {
    total += squares[i];
  }
  return rms(total);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.x;
  let blocks = (params.width + 31u) / 32u;

  var by = 1.0;
  if (NORM) {
    by = row_rms(row, blocks, thread);
  }

  for (var first = 0u; first < EXPERTS; first += ROWS_HERE) {
    let expert = first + thread / LANES;
    var logits = vec4<f32>(0.0);
    for (var block = thread % LANES; block < blocks; block += LANES) {
      let k = 32u * block;
      let left = params.width - k;
      let w = load_rows(0u, expert, block, EXPERTS, blocks);
      logits += dot_rows(w, factor(normed(x_block(row * params.x_stride + k, left), k, left)));
    }
    logits = over_lanes(first / ROWS_HERE % 2u, logits, thread) / by;  // two slots in turn: one barrier is enough
    if (thread % LANES == 0u) {
      keep_score(expert, logits.x);
      if (ROWS > 1u) {
        keep_score(expert + ROW_STEP, logits.y);
      }
      if (ROWS > 2u) {
        keep_score(expert + 2u * ROW_STEP, logits.z);
        keep_score(expert + 3u * ROW_STEP, logits.w);
      }
    }
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
    for (var expert = thread; expert < EXPERTS; expert += THREADS) {
      scores[expert] = exp(scores[expert] - largest) / sum;
    }
    workgroupBarrier();
  }
  for (var expert = thread; expert < EXPERTS; expert += THREADS) {
    ranks[expert] = scores[expert] + bias_of(expert);
  }
  workgroupBarrier();

  if (GROUPS > 1u) {
    for (var g = thread; g < GROUPS; g += THREADS) {
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
    for (var expert = thread; expert < EXPERTS; expert += THREADS) {
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

  for (var expert = thread; expert < EXPERTS; expert += THREADS) {
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
    count_visit(row, chosen[thread]);
  } else if (thread < TOP_K + SHARED) {
    routes[row * (TOP_K + SHARED) + thread] = vec2<u32>(EXPERTS + thread - TOP_K, bitcast<u32>(1.0));
  }
}

