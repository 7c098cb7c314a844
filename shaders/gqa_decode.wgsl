// Grouped-query attention over the cache, split along the sequence: for row r at position p and each head,
//   score_t = scale * query . key_t,  t = 0 .. p;   partial = max, sum and weighted sum of value_t
// over one split's share of t. Heads of a group, heads / kv_heads of them, share their keys and values.
//
// A workgroup takes one split for up to HEADS_HERE heads of one group, LANES threads a head. A tile of TILE keys and values is
// read into workgroup memory once and serves all of its heads. Workgroup x is the split, y the group of heads and the part of it,
// z the row. The cache has rows of kv_heads times [key | value].

struct Params {
  heads: u32,
  kv_heads: u32,
  parts: u32,  // workgroups that share a group of heads
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> query: array<f32>;  // (rows, heads, HEAD_DIM)
@group(0) @binding(4) var<storage, read> pages: array<u32>;   // of each sequence: where each PAGE positions lie in the cache
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;  // (rows, SPLITS, heads, 2 + HEAD_DIM)

const KEY_WIDTH: u32 = HEAD_DIM;
const VALUE_AT: u32 = KEY_PARTS * LANES;
const VALUE_WIDTH: u32 = HEAD_DIM;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.z;
  let lane = thread % LANES;
  let kv_head = group.y / params.parts;
  let together = params.heads / params.kv_heads;
  let n = group.y % params.parts * HEADS_HERE + thread / LANES;  // of the head, in its group
  let head = kv_head * together + n;
  let present = n < together;
  let where_at = row * (3u + HEAD_DIM);
  let position = positions[where_at + 1u];
  let list = positions[where_at + 2u];  // of the sequence's pages

  let share = split_share(position);
  let first = group.x * share;
  let end = min(first + share, position + 1u);
  if (first >= end) {
    return;
  }

  begin_head((row * params.heads + head) * HEAD_DIM, lane, present, params.scale);
  for (var start = first; start < end; start += TILE) {
    let count = min(TILE, end - start);
    let cached = pages[list + start / PAGE] * PAGE + start % PAGE;  // a tile lies in one page
    for (var i = thread; i < count * ROW_VECS; i += THREADS) {
      let part = i % ROW_VECS / VALUE_AT;  // 0: the key, 1: the value
      let element = 4u * (i % VALUE_AT);
      var v = vec4<f32>(0.0);
      if (element < HEAD_DIM) {
        v = cached_vec((((cached + i / ROW_VECS) * params.kv_heads + kv_head) * 2u + part) * HEAD_DIM + element, HEAD_DIM - element);
      }
      tile[i] = v;
    }
    attend_tile(count, thread, lane);
  }

  if (present) {
    write_head(((row * SPLITS + group.x) * params.heads + head) * (2u + HEAD_DIM), lane);
  }
}
