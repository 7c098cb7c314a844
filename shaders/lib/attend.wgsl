// Softmax attention of heads over rows in workgroup memory, a tile at a time. LANES threads share a head: each keeps every
// LANES-th vec4 of its query and of its accumulator, in named fields, for what is indexed by a variable is kept in memory. A
// row of a tile is KEY_PARTS x LANES vec4s, of which the first KEY_WIDTH elements are the key; its value's begin VALUE_AT vec4s
// from its beginning. Beyond the widths there are zeros. The sums are not yet divided: they go to `partial`, after their maximum
// and their weights.
var<workgroup> tile: array<vec4<f32>, TILE_SIZE>;   // TILE rows of ROW_VECS
var<workgroup> dots: array<f32, DOTS_SIZE>;         // (TILE, threads): each lane's share of a score
var<workgroup> scores: array<f32, SCORES_SIZE>;     // (heads of the workgroup, TILE)
var<workgroup> weights: array<f32, SCORES_SIZE>;    // (heads of the workgroup, TILE)

struct Part {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
  f: vec4<f32>,
  g: vec4<f32>,
  h: vec4<f32>,
  i: vec4<f32>,
  j: vec4<f32>,
  k: vec4<f32>,
  l: vec4<f32>,
  m: vec4<f32>,
  n: vec4<f32>,
  o: vec4<f32>,
  p: vec4<f32>,
}

var<private> q: Part;
var<private> sums: Part;
var<private> largest: f32;
var<private> total: f32;

// vec4 number v of the query whose first element is query[at].
fn query_vec(at: u32, v: u32) -> vec4<f32> {
  let i = 4u * v;
  var out = vec4<f32>(0.0);
  if (i < KEY_WIDTH) { out.x = query[at + i]; }
  if (i + 1u < KEY_WIDTH) { out.y = query[at + i + 1u]; }
  if (i + 2u < KEY_WIDTH) { out.z = query[at + i + 2u]; }
  if (i + 3u < KEY_WIDTH) { out.w = query[at + i + 3u]; }
  return out;
}

// Begins with the query whose first element is query[at].
fn begin_head(at: u32, lane: u32, present: bool, scale: f32) {
  largest = NOTHING;
  if (!present) {
    return;
  }
  q.a = query_vec(at, lane) * scale;
  if (KEY_PARTS > 1u) { q.b = query_vec(at, lane + LANES) * scale; }
  if (KEY_PARTS > 2u) { q.c = query_vec(at, lane + 2u * LANES) * scale; }
  if (KEY_PARTS > 3u) { q.d = query_vec(at, lane + 3u * LANES) * scale; }
  if (KEY_PARTS > 4u) { q.e = query_vec(at, lane + 4u * LANES) * scale; }
  if (KEY_PARTS > 5u) { q.f = query_vec(at, lane + 5u * LANES) * scale; }
  if (KEY_PARTS > 6u) { q.g = query_vec(at, lane + 6u * LANES) * scale; }
  if (KEY_PARTS > 7u) { q.h = query_vec(at, lane + 7u * LANES) * scale; }
  if (KEY_PARTS > 8u) { q.i = query_vec(at, lane + 8u * LANES) * scale; }
  if (KEY_PARTS > 9u) { q.j = query_vec(at, lane + 9u * LANES) * scale; }
  if (KEY_PARTS > 10u) { q.k = query_vec(at, lane + 10u * LANES) * scale; }
  if (KEY_PARTS > 11u) { q.l = query_vec(at, lane + 11u * LANES) * scale; }
  if (KEY_PARTS > 12u) { q.m = query_vec(at, lane + 12u * LANES) * scale; }
  if (KEY_PARTS > 13u) { q.n = query_vec(at, lane + 13u * LANES) * scale; }
  if (KEY_PARTS > 14u) { q.o = query_vec(at, lane + 14u * LANES) * scale; }
  if (KEY_PARTS > 15u) { q.p = query_vec(at, lane + 15u * LANES) * scale; }
}

// The lane's share of the score of the row whose first vec4, of the lane's, is tile[at].
fn dot_key(at: u32) -> f32 {
  var sum = dot(q.a, tile[at]);
  if (KEY_PARTS > 1u) { sum += dot(q.b, tile[at + LANES]); }
  if (KEY_PARTS > 2u) { sum += dot(q.c, tile[at + 2u * LANES]); }
  if (KEY_PARTS > 3u) { sum += dot(q.d, tile[at + 3u * LANES]); }
  if (KEY_PARTS > 4u) { sum += dot(q.e, tile[at + 4u * LANES]); }
  if (KEY_PARTS > 5u) { sum += dot(q.f, tile[at + 5u * LANES]); }
  if (KEY_PARTS > 6u) { sum += dot(q.g, tile[at + 6u * LANES]); }
  if (KEY_PARTS > 7u) { sum += dot(q.h, tile[at + 7u * LANES]); }
  if (KEY_PARTS > 8u) { sum += dot(q.i, tile[at + 8u * LANES]); }
  if (KEY_PARTS > 9u) { sum += dot(q.j, tile[at + 9u * LANES]); }
  if (KEY_PARTS > 10u) { sum += dot(q.k, tile[at + 10u * LANES]); }
  if (KEY_PARTS > 11u) { sum += dot(q.l, tile[at + 11u * LANES]); }
  if (KEY_PARTS > 12u) { sum += dot(q.m, tile[at + 12u * LANES]); }
  if (KEY_PARTS > 13u) { sum += dot(q.n, tile[at + 13u * LANES]); }
  if (KEY_PARTS > 14u) { sum += dot(q.o, tile[at + 14u * LANES]); }
  if (KEY_PARTS > 15u) { sum += dot(q.p, tile[at + 15u * LANES]); }
  return sum;
}

fn add_value(at: u32, weight: f32) {
  sums.a += weight * tile[at];
  if (VALUE_PARTS > 1u) { sums.b += weight * tile[at + LANES]; }
  if (VALUE_PARTS > 2u) { sums.c += weight * tile[at + 2u * LANES]; }
  if (VALUE_PARTS > 3u) { sums.d += weight * tile[at + 3u * LANES]; }
  if (VALUE_PARTS > 4u) { sums.e += weight * tile[at + 4u * LANES]; }
  if (VALUE_PARTS > 5u) { sums.f += weight * tile[at + 5u * LANES]; }
  if (VALUE_PARTS > 6u) { sums.g += weight * tile[at + 6u * LANES]; }
  if (VALUE_PARTS > 7u) { sums.h += weight * tile[at + 7u * LANES]; }
  if (VALUE_PARTS > 8u) { sums.i += weight * tile[at + 8u * LANES]; }
  if (VALUE_PARTS > 9u) { sums.j += weight * tile[at + 9u * LANES]; }
  if (VALUE_PARTS > 10u) { sums.k += weight * tile[at + 10u * LANES]; }
  if (VALUE_PARTS > 11u) { sums.l += weight * tile[at + 11u * LANES]; }
  if (VALUE_PARTS > 12u) { sums.m += weight * tile[at + 12u * LANES]; }
  if (VALUE_PARTS > 13u) { sums.n += weight * tile[at + 13u * LANES]; }
  if (VALUE_PARTS > 14u) { sums.o += weight * tile[at + 14u * LANES]; }
  if (VALUE_PARTS > 15u) { sums.p += weight * tile[at + 15u * LANES]; }
}

fn scale_sums(by: f32) {
  sums.a *= by;
  if (VALUE_PARTS > 1u) { sums.b *= by; }
  if (VALUE_PARTS > 2u) { sums.c *= by; }
  if (VALUE_PARTS > 3u) { sums.d *= by; }
  if (VALUE_PARTS > 4u) { sums.e *= by; }
  if (VALUE_PARTS > 5u) { sums.f *= by; }
  if (VALUE_PARTS > 6u) { sums.g *= by; }
  if (VALUE_PARTS > 7u) { sums.h *= by; }
  if (VALUE_PARTS > 8u) { sums.i *= by; }
  if (VALUE_PARTS > 9u) { sums.j *= by; }
  if (VALUE_PARTS > 10u) { sums.k *= by; }
  if (VALUE_PARTS > 11u) { sums.l *= by; }
  if (VALUE_PARTS > 12u) { sums.m *= by; }
  if (VALUE_PARTS > 13u) { sums.n *= by; }
  if (VALUE_PARTS > 14u) { sums.o *= by; }
  if (VALUE_PARTS > 15u) { sums.p *= by; }
}

// Takes the first rows of the tile in, once all threads have written them.
fn attend_tile(count: u32, thread: u32, lane: u32) {
  let own = thread / LANES * TILE;  // of the head's scores
  workgroupBarrier();
  for (var t = 0u; t < count; t++) {
    dots[t * THREADS + thread] = dot_key(t * ROW_VECS + lane);
  }
  workgroupBarrier();
  for (var t = lane; t < count; t += LANES) {
    var score = 0.0;
    for (var i = 0u; i < LANES; i++) {
      score += dots[t * THREADS + thread - lane + i];
    }
    scores[own + t] = score;
  }
  workgroupBarrier();
  var next = largest;
  for (var t = 0u; t < count; t++) {
    next = max(next, scores[own + t]);
  }
  for (var t = lane; t < count; t += LANES) {
    weights[own + t] = exp(scores[own + t] - next);
  }
  let keep = exp(largest - next);
  largest = next;
  total *= keep;
  scale_sums(keep);
  workgroupBarrier();
  for (var t = 0u; t < count; t++) {
    let weight = weights[own + t];
    total += weight;
    add_value(t * ROW_VECS + VALUE_AT + lane, weight);
  }
  workgroupBarrier();
}

fn write_vec(to: u32, v: u32, sum: vec4<f32>) {
  let i = 4u * v;
  if (i < VALUE_WIDTH) { partial[to + i] = sum.x; }
  if (i + 1u < VALUE_WIDTH) { partial[to + i + 1u] = sum.y; }
  if (i + 2u < VALUE_WIDTH) { partial[to + i + 2u] = sum.z; }
  if (i + 3u < VALUE_WIDTH) { partial[to + i + 3u] = sum.w; }
}

fn write_head(to: u32, lane: u32) {
  if (lane == 0u) {
    partial[to] = largest;
    partial[to + 1u] = total;
  }
  write_vec(to + 2u, lane, sums.a);
  if (VALUE_PARTS > 1u) { write_vec(to + 2u, lane + LANES, sums.b); }
  if (VALUE_PARTS > 2u) { write_vec(to + 2u, lane + 2u * LANES, sums.c); }
  if (VALUE_PARTS > 3u) { write_vec(to + 2u, lane + 3u * LANES, sums.d); }
  if (VALUE_PARTS > 4u) { write_vec(to + 2u, lane + 4u * LANES, sums.e); }
  if (VALUE_PARTS > 5u) { write_vec(to + 2u, lane + 5u * LANES, sums.f); }
  if (VALUE_PARTS > 6u) { write_vec(to + 2u, lane + 6u * LANES, sums.g); }
  if (VALUE_PARTS > 7u) { write_vec(to + 2u, lane + 7u * LANES, sums.h); }
  if (VALUE_PARTS > 8u) { write_vec(to + 2u, lane + 8u * LANES, sums.i); }
  if (VALUE_PARTS > 9u) { write_vec(to + 2u, lane + 9u * LANES, sums.j); }
  if (VALUE_PARTS > 10u) { write_vec(to + 2u, lane + 10u * LANES, sums.k); }
  if (VALUE_PARTS > 11u) { write_vec(to + 2u, lane + 11u * LANES, sums.l); }
  if (VALUE_PARTS > 12u) { write_vec(to + 2u, lane + 12u * LANES, sums.m); }
  if (VALUE_PARTS > 13u) { write_vec(to + 2u, lane + 13u * LANES, sums.n); }
  if (VALUE_PARTS > 14u) { write_vec(to + 2u, lane + 14u * LANES, sums.o); }
  if (VALUE_PARTS > 15u) { write_vec(to + 2u, lane + 15u * LANES, sums.p); }
}
