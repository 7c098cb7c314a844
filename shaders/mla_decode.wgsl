// Absorbed latent attention over the cache, split along the sequence: for row r at position p and each head,
//   score_t = scale * query . latent_t,  t = 0 .. p;   partial = max, sum and weighted sum of latent_t[0 .. KV_LORA_RANK)
// over one split's share of t. A latent row is key and, in its first KV_LORA_RANK elements, value, of every head.
//
// A workgroup takes one split for up to HEADS_HERE heads, LANES threads a head. A tile of TILE latent rows is read
// into workgroup memory once and serves all of its heads twice. Workgroup x is the split, y the group of heads, z the row.

struct Params {
  heads: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> query: array<f32>;   // (rows, heads, LATENT_WIDTH)
@group(0) @binding(4) var<storage, read> pages: array<u32>;   // of each sequence: where each PAGE positions lie in the cache
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;  // (rows, SPLITS, heads, 2 + KV_LORA_RANK)

const KEY_WIDTH: u32 = LATENT_WIDTH;
const VALUE_AT: u32 = 0u;
const VALUE_WIDTH: u32 = KV_LORA_RANK;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = group.z;
  let lane = thread % LANES;
  let head = group.y * HEADS_HERE + thread / LANES;
  let present = head < params.heads;
  let where_at = row * (3u + QK_ROPE_HEAD_DIM);
  let position = positions[where_at + 1u];
  let list = positions[where_at + 2u];  // of the sequence's pages

  let share = split_share(position);
  let first = group.x * share;
  let end = min(first + share, position + 1u);
  if (first >= end) {
    return;
  }

  begin_head((row * params.heads + head) * LATENT_WIDTH, lane, present, params.scale);
  for (var start = first; start < end; start += TILE) {
    let count = min(TILE, end - start);
    let cached = pages[list + start / PAGE] * PAGE + start % PAGE;  // a tile lies in one page
    for (var i = thread; i < count * ROW_VECS; i += THREADS) {
      let element = 4u * (i % ROW_VECS);
      var v = vec4<f32>(0.0);
      if (element < LATENT_WIDTH) {
        v = cached_vec((cached + i / ROW_VECS) * LATENT_WIDTH + element, LATENT_WIDTH - element);
      }
      tile[i] = v;
    }
    attend_tile(count, thread, lane);
  }

  if (present) {
    write_head(((row * SPLITS + group.x) * params.heads + head) * (2u + KV_LORA_RANK), lane);
  }
}
