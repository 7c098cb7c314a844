// What grouped-query attention needs of a token, from the product with its stacked projections: its queries, turned by its
// position, and its own row of the cache, keys turned and values as they are. Llama's rotation (Hugging Face's layout):
//   element i of a head pairs with element i + HEAD_DIM / 2.
//
// Workgroup x is a head: the queries', then the keys', then the values'. Workgroup y is the row of the step.

struct Params {
  heads: u32,
  kv_heads: u32,
  x_stride: u32,
  k_offset: u32,  // of a row's keys, after its queries
  v_offset: u32,
  epsilon: f32,   // of the norms, if there are any
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;             // (rows, queries | keys | values)
@group(0) @binding(3) var<storage, read_write> cache: array<f32>;   // (cache rows, key-value heads, [key | value])
@group(0) @binding(4) var<storage, read_write> query: array<f32>;   // (rows, heads, HEAD_DIM)

const QUERY: u32 = 0u;
const KEY: u32 = 1u;
const VALUE: u32 = 2u;
const HALF: u32 = HEAD_DIM / 2u;

var<workgroup> head: array<f32, HEAD_DIM>;

// Element i of the head, turned by the row's position.
fn turned(row: u32, i: u32) -> f32 {
  let at = row * (3u + HEAD_DIM) + 3u + 2u * (i % HALF);
  let cosine = bitcast<f32>(positions[at]);
  let sine = bitcast<f32>(positions[at + 1u]);
  if (i < HALF) {
    return head[i] * cosine - head[i + HALF] * sine;
  }
  return head[i] * cosine + head[i - HALF] * sine;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.y;
  var part = QUERY;
  var n = group.x;  // of the head, in its part
  var offset = 0u;
  if (n >= params.heads + params.kv_heads) {
    part = VALUE;
    n -= params.heads + params.kv_heads;
    offset = params.v_offset;
  } else if (n >= params.heads) {
    part = KEY;
    n -= params.heads;
    offset = params.k_offset;
  }
  for (var i = thread; i < HEAD_DIM; i += THREADS) {
    head[i] = x[row * params.x_stride + offset + n * HEAD_DIM + i] + bias_of(part, n * HEAD_DIM + i);
  }
  workgroupBarrier();
  normalised(part, thread, params.epsilon);

  let cached = (positions[row * (3u + HEAD_DIM)] * params.kv_heads + n) * 2u * HEAD_DIM;
  for (var i = thread; i < HEAD_DIM; i += THREADS) {
    switch part {
      case QUERY: { query[(row * params.heads + n) * HEAD_DIM + i] = turned(row, i); }
      case KEY: { cache[cached + i] = turned(row, i); }
      default: { cache[cached + HEAD_DIM + i] = head[i]; }
    }
  }
}
