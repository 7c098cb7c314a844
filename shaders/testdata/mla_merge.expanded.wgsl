// mla_merge format=f32 kv_lora_rank=64 qk_rope_head_dim=4 v_head_dim=32 splits=3 lanes=2 rows=1 threads=64 partials=128 int8=false tile=16 blocks=2 merged=16
const KV_LORA_RANK: u32 = 64u;
const QK_ROPE_HEAD_DIM: u32 = 4u;
const V_HEAD_DIM: u32 = 32u;
const SPLITS: u32 = 3u;
const LANES: u32 = 2u;
const ROWS: u32 = 1u;
const THREADS: u32 = 64u;
const PARTIALS: u32 = 128u;
const INT8: bool = false;
const TILE: u32 = 16u;
const BLOCKS: u32 = 2u;
const MERGED: u32 = 16u;
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

// Below every score: WGSL does not promise infinities.
const NOTHING: f32 = -3.0e38;

// How the positions 0 .. position of a sequence are shared out among at most SPLITS workgroups, in whole tiles of TILE
// cached rows: an early position makes few splits, and those beyond them nothing.

// Positions of a split; the last one may have fewer.
fn split_share(position: u32) -> u32 {
  let tiles = position / TILE + 1u;
  return (tiles + SPLITS - 1u) / SPLITS * TILE;
}

fn splits_used(position: u32) -> u32 {
  return position / split_share(position) + 1u;
}

// The splits of latent attention together, and out of latent space: y[r, h] = W_UV[h] o, o = (sum of splits) / (sum of weights).
// Splits are merged in order, each scaled to the common maximum.
//
// Workgroup x is a head, y a row of the step: it merges the head's latent output into workgroup memory, then multiplies.
// LANES threads share ROWS outputs.

struct Params {
  heads: u32,
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> partial_sums: array<f32>;  // (rows, SPLITS, heads, 2 + KV_LORA_RANK)
@group(0) @binding(3) var<storage, read_write> y: array<f32>;       // (rows, heads x V_HEAD_DIM)

var<workgroup> counts_for: array<f32, SPLITS>;          // what the sums of each split are scaled by
var<workgroup> merged: array<vec4<f32>, MERGED>;   // KV_LORA_RANK elements, then zeros up to a whole block

// What one thread finds of a split: its maximum, scaled to that of all.
fn weigh(at: u32, stride: u32, splits: u32, thread: u32) {
  var largest = NOTHING;
  for (var s = 0u; s < splits; s++) {
    largest = max(largest, partial_sums[at + s * stride]);
  }
  for (var s = thread; s < splits; s += THREADS) {
    counts_for[s] = exp(partial_sums[at + s * stride] - largest);
  }
}

// Element i of the merged sums, not yet divided.
fn element(at: u32, stride: u32, splits: u32, i: u32) -> f32 {
  var sum = 0.0;
  if (i < KV_LORA_RANK) {
    for (var s = 0u; s < splits; s++) {
      sum += counts_for[s] * partial_sums[at + s * stride + 2u + i];
    }
  }
  return sum;
}

fn merged_block(block: u32) -> Block {
  let i = 8u * block;
  return Block(merged[i], merged[i + 1u], merged[i + 2u], merged[i + 3u], merged[i + 4u], merged[i + 5u], merged[i + 6u], merged[i + 7u]);
}

fn write(to: u32, output: u32, value: f32) {
  if (output < V_HEAD_DIM) {
    y[to + output] = value;
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let head = group.x;
  let row = group.y;
  let splits = splits_used(positions[row * (3u + QK_ROPE_HEAD_DIM) + 1u]);
  let stride = params.heads * (2u + KV_LORA_RANK);  // from split to split
  let at = (row * SPLITS * params.heads + head) * (2u + KV_LORA_RANK);
  weigh(at, stride, splits, thread);
  workgroupBarrier();

  var total = 0.0;
  for (var s = 0u; s < splits; s++) {
    total += counts_for[s] * partial_sums[at + s * stride + 1u];
  }
  for (var i = thread; i < MERGED; i += THREADS) {
    let e = 4u * i;
    merged[i] = vec4<f32>(
      element(at, stride, splits, e), element(at, stride, splits, e + 1u), element(at, stride, splits, e + 2u), element(at, stride, splits, e + 3u),
    ) / total;
  }
  workgroupBarrier();

  let to = row * params.y_stride + head * V_HEAD_DIM;
  for (var first = 0u; first < V_HEAD_DIM; first += ROWS_HERE) {
    let output = first + thread / LANES;
    var sum = vec4<f32>(0.0);
    for (var block = thread % LANES; block < BLOCKS; block += LANES) {
      sum += dot_rows(load_rows(head, output, block, V_HEAD_DIM, BLOCKS), factor(merged_block(block)));
    }
    sum = over_lanes(first / ROWS_HERE % 2u, sum, thread);  // two slots in turn: one barrier is enough
    if (thread % LANES == 0u) {
      write(to, output, sum.x);
      if (ROWS > 1u) {
        write(to, output + ROW_STEP, sum.y);
      }
      if (ROWS > 2u) {
        write(to, output + 2u * ROW_STEP, sum.z);
        write(to, output + 3u * ROW_STEP, sum.w);
      }
    }
  }
}

