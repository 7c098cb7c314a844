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
