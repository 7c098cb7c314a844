// Both sides of latent attention for a token (DeepSeek-V2, section 2.1). Its queries in latent space:
//   query[r, h] = [ W_UK[h]^T q_nope[h] ; RoPE(q_pe[h]) ]
// and its own row of the cache:
//   latent[row] = [ RMSNorm(c) * norm ; RoPE(k_pe) ]
//
// Workgroup y is a head, or, after the last head, the cache row. Of a head, workgroup x does ROWS_HERE elements of
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

var<workgroup> squares: array<f32, THREADS>;

// Pair i of a row's rotation.
fn rotation(row: u32, i: u32) -> vec2<f32> {
  let at = row * (3u + QK_ROPE_HEAD_DIM) + 3u + 2u * i;
  return vec2<f32>(bitcast<f32>(positions[at]), bitcast<f32>(positions[at + 1u]));
}

// Where the elements of pair i lie that are turned together: side by side, or with HALVES in the two halves of the rope part.
// The order in which they are written is no matter: queries and keys have the same.
fn pair_at(first: u32, i: u32) -> vec2<u32> {
  if (HALVES) {
    return vec2<u32>(first + i, first + QK_ROPE_HEAD_DIM / 2u + i);
  }
  return vec2<u32>(first + 2u * i, first + 2u * i + 1u);
}

// The pair (a, b) turned by (cos, sin).
fn turn(a: f32, b: f32, by: vec2<f32>) -> vec2<f32> {
  return vec2<f32>(a * by.x - b * by.y, a * by.y + b * by.x);
}

fn write(to: u32, element: u32, value: f32) {
  if (element < KV_LORA_RANK) {
    query[to + element] = value;
  }
}

// The row's own latent into the cache.
fn keep_latent(row: u32, thread: u32) {
  let kv_at = row * params.kv_stride + params.kv_offset;
  var square = 0.0;
  for (var i = thread; i < KV_LORA_RANK; i += THREADS) {
    square += kv[kv_at + i] * kv[kv_at + i];
  }
  squares[thread] = square;
  workgroupBarrier();
  var total = 0.0;
  for (var i = 0u; i < THREADS; i++) {
    total += squares[i];
  }
  let scale = 1.0 / sqrt(total / f32(KV_LORA_RANK) + params.epsilon);
  let to = positions[row * (3u + QK_ROPE_HEAD_DIM)] * LATENT_WIDTH;
  for (var i = thread; i < KV_LORA_RANK; i += THREADS) {
    latent[to + i] = norm[i] * kv[kv_at + i] * scale;
  }
  for (var i = thread; i < QK_ROPE_HEAD_DIM / 2u; i += THREADS) {
    let pe = pair_at(kv_at + KV_LORA_RANK, i);
    let turned = turn(kv[pe.x], kv[pe.y], rotation(row, i));
    latent[to + KV_LORA_RANK + 2u * i] = turned.x;
    latent[to + KV_LORA_RANK + 2u * i + 1u] = turned.y;
  }
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.z;
  let head = group.y;
  if (head == params.heads) {
    if (group.x == 0u) {
      keep_latent(row, thread);
    }
    return;
  }

  let q_at = row * params.q_stride + params.q_offset + head * (QK_NOPE_HEAD_DIM + QK_ROPE_HEAD_DIM);
  let element = group.x * ROWS_HERE + thread / LANES;
  let blocks = (QK_NOPE_HEAD_DIM + 31u) / 32u;
  var sum = vec4<f32>(0.0);
  for (var block = thread % LANES; block < blocks; block += LANES) {
    let w = load_rows(head, element, block, KV_LORA_RANK, blocks);
    sum += dot_rows(w, factor(x_block(q_at + 32u * block, QK_NOPE_HEAD_DIM - 32u * block)));
  }
  sum = over_lanes(0u, sum, thread);

  let to = (row * params.heads + head) * LATENT_WIDTH;
  if (thread % LANES == 0u) {
    write(to, element, sum.x);
    if (ROWS > 1u) {
      write(to, element + ROW_STEP, sum.y);
    }
    if (ROWS > 2u) {
      write(to, element + 2u * ROW_STEP, sum.z);
      write(to, element + 3u * ROW_STEP, sum.w);
    }
  }
  if (group.x == 0u) {
    for (var i = thread; i < QK_ROPE_HEAD_DIM / 2u; i += THREADS) {
      let pe = pair_at(q_at + QK_NOPE_HEAD_DIM, i);
      let turned = turn(x1(pe.x), x1(pe.y), rotation(row, i));
      query[to + KV_LORA_RANK + 2u * i] = turned.x;
      query[to + KV_LORA_RANK + 2u * i + 1u] = turned.y;
    }
  }
}
