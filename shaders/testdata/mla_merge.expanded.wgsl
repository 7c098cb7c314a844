// mla_merge format=f32 kv_lora_rank=64 v_head_dim=32 splits=3 padded_rank=64 lanes=2
const KV_LORA_RANK: u32 = 64u;
const V_HEAD_DIM: u32 = 32u;
const SPLITS: u32 = 3u;
const PADDED_RANK: u32 = 64u;
const LANES: u32 = 2u;
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

// The splits of latent attention together, and out of latent space: y[r, h] = W_UV[h] o, o = (sum of splits) / (sum of weights).
// Splits are merged in order, each scaled to the common maximum.
//
// A workgroup first merges its head's latent output into workgroup memory, then multiplies: LANES threads share an
// output. Workgroup x counts outputs, y heads, z rows.

struct Params {
  heads: u32,
  y_stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partial: array<f32>;  // (rows, SPLITS, heads, 2 + KV_LORA_RANK)
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // (rows, heads x V_HEAD_DIM)

var<workgroup> merged: array<f32, PADDED_RANK>;  // KV_LORA_RANK elements, then zeros up to a whole block
var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let head = group.y;
  let stride = params.heads * (2u + KV_LORA_RANK);  // from split to split
  let from_at = (group.z * SPLITS * params.heads + head) * (2u + KV_LORA_RANK);
  var largest = -3.0e38;
  for (var s = 0u; s < SPLITS; s++) {
    largest = max(largest, partial[from_at + s * stride]);
  }
  var total = 0.0;
  for (var s = 0u; s < SPLITS; s++) {
    total += partial[from_at + s * stride + 1u] * exp(partial[from_at + s * stride] - largest);
  }
  for (var i = thread; i < PADDED_RANK; i += 64u) {
    var sum = 0.0;
    if (i < KV_LORA_RANK) {
      for (var s = 0u; s < SPLITS; s++) {
        sum += partial[from_at + s * stride + 2u + i] * exp(partial[from_at + s * stride] - largest);
      }
    }
    merged[i] = sum / total;
  }
  workgroupBarrier();

  let outputs = 64u / LANES;
  let output = group.x * outputs + thread / LANES;
  let blocks = PADDED_RANK / 32u;
  var sum = 0.0;
  if (output < V_HEAD_DIM) {
    for (var block = thread % LANES; block < blocks; block += LANES) {
      var w = load_block(head, output, block, V_HEAD_DIM, blocks);
      for (var i = 0u; i < 8u; i++) {
        let at = 32u * block + 4u * i;
        sum += dot(w[i], vec4<f32>(merged[at], merged[at + 1u], merged[at + 2u], merged[at + 3u]));
      }
    }
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread < outputs && group.x * outputs + thread < V_HEAD_DIM) {
    var whole = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
      whole += sums[thread * LANES + lane];
    }
    y[group.z * params.y_stride + head * V_HEAD_DIM + group.x * outputs + thread] = whole;
  }
}

