// mla_decode kv_lora_rank=64 qk_rope_head_dim=16 splits=1 latent_width=80 page=64 lanes=16 heads_here=4 threads=64 tile=16 tile_size=1280 dots_size=1024 query_share=5 value_share=4
const KV_LORA_RANK: u32 = 64u;
const QK_ROPE_HEAD_DIM: u32 = 16u;
const SPLITS: u32 = 1u;
const LATENT_WIDTH: u32 = 80u;
const PAGE: u32 = 64u;
const LANES: u32 = 16u;
const HEADS_HERE: u32 = 4u;
const THREADS: u32 = 64u;
const TILE: u32 = 16u;
const TILE_SIZE: u32 = 1280u;
const DOTS_SIZE: u32 = 1024u;
const QUERY_SHARE: u32 = 5u;
const VALUE_SHARE: u32 = 4u;
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

// Softmax attention of a head over rows in workgroup memory, a tile at a time, by LANES threads: each keeps every LANES-th
// element of the head's query and of its accumulator in registers. A row has ROW_WIDTH elements: its key the first KEY_WIDTH, its
// value VALUE_WIDTH from VALUE_AT on. The sums are not yet divided: they go to `partial`, after their maximum and their weights.
var<workgroup> tile: array<f32, TILE_SIZE>;  // TILE rows
var<workgroup> dots: array<f32, DOTS_SIZE>;  // (TILE, threads): each lane's share of a score

var<private> q: array<f32, QUERY_SHARE>;
var<private> sums: array<f32, VALUE_SHARE>;
var<private> largest: f32;
var<private> total: f32;

// Begins with the query whose first element is query[at_query].
fn begin_head(at_query: u32, lane: u32, present: bool, scale: f32) {
  largest = NOTHING;
  for (var i = 0u; i < QUERY_SHARE; i++) {
    let at = lane + LANES * i;
    if (present && at < KEY_WIDTH) {
      q[i] = query[at_query + at] * scale;
    }
  }
}

// Takes the first rows of the tile in, once all threads have written them.
fn attend_tile(count: u32, thread: u32, lane: u32) {
  workgroupBarrier();
  for (var t = 0u; t < count; t++) {
    var sum = 0.0;
    for (var i = 0u; i < QUERY_SHARE; i++) {
      let at = lane + LANES * i;
      if (at < KEY_WIDTH) {
        sum += q[i] * tile[t * ROW_WIDTH + at];
      }
    }
    dots[t * THREADS + thread] = sum;
  }
  workgroupBarrier();
  // Every lane of a head works out the same scores.
  for (var t = 0u; t < count; t++) {
    var score = 0.0;
    for (var i = 0u; i < LANES; i++) {
      score += dots[t * THREADS + thread - lane + i];
    }
    let next = max(largest, score);
    let keep = exp(largest - next);
    let weight = exp(score - next);
    largest = next;
    total = total * keep + weight;
    for (var i = 0u; i < VALUE_SHARE; i++) {
      let at = lane + LANES * i;
      if (at < VALUE_WIDTH) {
        sums[i] = sums[i] * keep + weight * tile[t * ROW_WIDTH + VALUE_AT + at];
      }
    }
  }
  workgroupBarrier();
}

fn write_head(to: u32, lane: u32) {
  if (lane == 0u) {
    partial[to] = largest;
    partial[to + 1u] = total;
  }
  for (var i = 0u; i < VALUE_SHARE; i++) {
    let at = lane + LANES * i;
    if (at < VALUE_WIDTH) {
      partial[to + 2u + at] = sums[i];
    }
  }
}

// Absorbed latent attention over the cache, split along the sequence: for row r at position p and each head,
//   score_t = scale * query . latent_t,  t = 0 .. p;   partial = max, sum and weighted sum of latent_t[0 .. KV_LORA_RANK)
// over one split's share of t. A latent row is key and, in its first KV_LORA_RANK elements, value, of every head.
//
// A workgroup takes one split for up to HEADS_HERE heads, LANES threads a head. A tile of TILE latent rows is read
// into workgroup memory once and serves all of its heads twice. A lane keeps every LANES-th element of its head's query and of
// its accumulator in registers. Workgroup x is the split, y the group of heads, z the row.

struct Params {
  heads: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<u32>;
@group(0) @binding(2) var<storage, read> query: array<f32>;   // (rows, heads, LATENT_WIDTH)
@group(0) @binding(3) var<storage, read> latent: array<f32>;  // (cache rows, LATENT_WIDTH)
@group(0) @binding(4) var<storage, read> pages: array<u32>;   // of each sequence: where each PAGE positions lie in the cache
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;  // (rows, SPLITS, heads, 2 + KV_LORA_RANK)

const ROW_WIDTH: u32 = LATENT_WIDTH;
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
    for (var i = thread; i < count * LATENT_WIDTH; i += THREADS) {
      tile[i] = latent[cached * LATENT_WIDTH + i];
    }
    attend_tile(count, thread, lane);
  }

  if (present) {
    write_head(((row * SPLITS + group.x) * params.heads + head) * (2u + KV_LORA_RANK), lane);
  }
}

