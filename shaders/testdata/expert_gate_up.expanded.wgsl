// expert_gate_up format=f32 relu=false lanes=4 rows=1 threads=64 partials=192 int8=false aligned=true
const RELU: bool = false;
const LANES: u32 = 4u;
const ROWS: u32 = 1u;
const THREADS: u32 = 64u;
const PARTIALS: u32 = 192u;
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

// The first half of the experts: y[r, s, i] = act(gate_i . n) * (up_i . n), n = RMSNorm(x[r]), for the expert that
// row r visits in slot s; act is silu, or with RELU the positive part. Gate and up rows lie in one matrix an expert, up from row up_row on.
// The stack may be cut by experts: slots whose expert lies outside leave y alone.
//
// LANES threads share ROWS channels i; workgroup x counts channels, y slots, z rows.

struct Params {
  slots: u32,
  ff: u32,            // channels of an expert
  up_row: u32,
  matrix_rows: u32,   // rows of an expert's matrix
  width: u32,
  first_expert: u32,
  expert_count: u32,
  x_stride: u32,
  y_stride: u32,      // elements from one slot of y to the next
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<storage, read> routes: array<vec2<u32>>;  // (rows, slots): expert, weight
@group(0) @binding(4) var<storage, read_write> y: array<f32>;

// act(gate) * up. The exponent is held below that of the largest f32: WGSL does not promise infinities.
fn activate(gate: vec4<f32>, up: vec4<f32>) -> vec4<f32> {
  if (RELU) {
    return max(gate, vec4<f32>(0.0)) * up;
  }
  return gate / (1.0 + exp(min(-gate, vec4<f32>(80.0)))) * up;
}

fn write(slot: u32, channel: u32, value: f32) {
  if (channel < params.ff) {
    y[slot * params.y_stride + channel] = value;
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let slot = group.z * params.slots + group.y;
  let matrix = routes[slot].x - params.first_expert;
  if (matrix >= params.expert_count) {
    return;
  }
  let channel = group.x * ROWS_HERE + thread / LANES;
  let blocks = (params.width + 31u) / 32u;
  var gate = vec4<f32>(0.0);
  var up = vec4<f32>(0.0);
  var square = 0.0;
  for (var block = thread % LANES; block < blocks; block += LANES) {
    let k = 32u * block;
    let left = params.width - k;
    let v = x_block(group.z * params.x_stride + k, left);
    let n = factor(normed(v, k, left));
    gate += dot_rows(load_rows(matrix, channel, block, params.matrix_rows, blocks), n);
    up += dot_rows(load_rows(matrix, params.up_row + channel, block, params.matrix_rows, blocks), n);
    square += dot_block(v, v);
  }
  gate = over_lanes(0u, gate, thread);
  up = over_lanes(1u, up, thread);
  square = over_lanes(2u, vec4<f32>(square), thread).x;
  if (thread % LANES != 0u) {
    return;
  }
  let rms = sqrt(square / f32(params.width) + params.epsilon);
  let activated = activate(gate / rms, up / rms);
  write(slot, channel, activated.x);
  if (ROWS > 1u) {
    write(slot, channel + ROW_STEP, activated.y);
  }
  if (ROWS > 2u) {
    write(slot, channel + 2u * ROW_STEP, activated.z);
    write(slot, channel + 3u * ROW_STEP, activated.w);
  }
}

