// mla_prepare format=f32 kv_lora_rank=64 qk_nope_head_dim=32 qk_rope_head_dim=16 aligned=true lanes=1
const KV_LORA_RANK: u32 = 64u;
const QK_NOPE_HEAD_DIM: u32 = 32u;
const QK_ROPE_HEAD_DIM: u32 = 16u;
const ALIGNED: bool = true;
const LANES: u32 = 1u;
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

// Both sides of latent attention for a token (DeepSeek-V2, section 2.1). Its queries in latent space:
//   query[r, h] = [ W_UK[h]^T q_nope[h] ; RoPE(q_pe[h]) ]
// and its own row of the cache:
//   latent[row] = [ RMSNorm(c) * norm ; RoPE(k_pe) ]
//
// Workgroup y is a head, or, after the last head, the cache row. Of a head, workgroup x does 64 / LANES elements of
// the latent part, and the first one the rope part too. Workgroup z is the row of the step.

struct Params {
  heads: u32,
  q_stride: u32,
  q_offset: u32,   // of a row's queries: heads x [nope | rope]
  kv_stride: u32,
  kv_offset: u32,  // of a row's [c | k_pe]
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> norm: array<f32>;
@group(0) @binding(3) var<storage, read> kv: array<f32>;
@group(0) @binding(4) var<storage, read> positions: array<u32>;
@group(0) @binding(5) var<storage, read_write> latent: array<f32>;  // (cache rows, KV_LORA_RANK + QK_ROPE_HEAD_DIM)
@group(0) @binding(6) var<storage, read_write> query: array<f32>;   // (rows, heads, KV_LORA_RANK + QK_ROPE_HEAD_DIM)

const LATENT_WIDTH: u32 = KV_LORA_RANK + QK_ROPE_HEAD_DIM;

var<workgroup> partial: array<f32, 64>;

// Pair i of a row's rotation.
fn rotation(row: u32, i: u32) -> vec2<f32> {
  let at = row * (2u + QK_ROPE_HEAD_DIM) + 2u + 2u * i;
  return vec2<f32>(bitcast<f32>(positions[at]), bitcast<f32>(positions[at + 1u]));
}

// The pair (a, b) turned by (cos, sin). DeepSeek's checkpoints pair adjacent elements.
fn turn(a: f32, b: f32, by: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a * by.x - b * by.y, a * by.y + b * by.x);
}

// One element of x wherever it lies.
fn x1(at: u32) -> f32 {
  return x4(at - at % 4u, 4u)[at % 4u];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.z;
  let head = group.y;
  let q_at = row * params.q_stride + params.q_offset + head * (QK_NOPE_HEAD_DIM + QK_ROPE_HEAD_DIM);
  let kv_at = row * params.kv_stride + params.kv_offset;
  let is_cache = head == params.heads;
  let elements = 64u / LANES;
  let element = group.x * elements + thread / LANES;
  let blocks = (QK_NOPE_HEAD_DIM + 31u) / 32u;

  var sum = 0.0;
  if (is_cache) {
    for (var i = thread; i < KV_LORA_RANK; i += 64u) {
      sum += kv[kv_at + i] * kv[kv_at + i];
    }
  } else if (element < KV_LORA_RANK) {
    for (var block = thread % LANES; block < blocks; block += LANES) {
      var w = load_block(head, element, block, KV_LORA_RANK, blocks);
      let left = QK_NOPE_HEAD_DIM - 32u * block;
      for (var i = 0u; i < 8u; i++) {
        sum += dot(w[i], x4(q_at + 32u * block + 4u * i, left - min(left, 4u * i)));
      }
    }
  }
  partial[thread] = sum;
  workgroupBarrier();

  if (is_cache) {
    if (group.x > 0u) {
      return;
    }
    var total = 0.0;
    for (var i = 0u; i < 64u; i++) {
      total += partial[i];
    }
    let scale = 1.0 / sqrt(total / f32(KV_LORA_RANK) + params.epsilon);
    let to = positions[row * (2u + QK_ROPE_HEAD_DIM)] * LATENT_WIDTH;
    for (var i = thread; i < KV_LORA_RANK; i += 64u) {
      latent[to + i] = norm[i] * kv[kv_at + i] * scale;
    }
    for (var i = thread; i < QK_ROPE_HEAD_DIM / 2u; i += 64u) {
      let pe = kv_at + KV_LORA_RANK + 2u * i;
      let turned = turn(kv[pe], kv[pe + 1u], rotation(row, i));
      latent[to + KV_LORA_RANK + 2u * i] = turned.x;
      latent[to + KV_LORA_RANK + 2u * i + 1u] = turned.y;
    }
    return;
  }

  let to = (row * params.heads + head) * LATENT_WIDTH;
  if (thread < elements && group.x * elements + thread < KV_LORA_RANK) {
    var total = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
      total += partial[thread * LANES + lane];
    }
    query[to + group.x * elements + thread] = total;
  }
  if (group.x == 0u) {
    for (var i = thread; i < QK_ROPE_HEAD_DIM / 2u; i += 64u) {
      let pe = q_at + QK_NOPE_HEAD_DIM + 2u * i;
      let turned = turn(x1(pe), x1(pe + 1u), rotation(row, i));
      query[to + KV_LORA_RANK + 2u * i] = turned.x;
      query[to + KV_LORA_RANK + 2u * i + 1u] = turned.y;
    }
  }
}

