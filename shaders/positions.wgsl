// Where each row of a step is, once for all layers: its row of the caches, its position, where its sequence's pages are listed,
// and the rotation of that position, from a table of 256 fine and any number of coarse steps (position = fine + 256 * coarse).
// One thread makes one pair (cos, sin) of one row.

struct Params {
  rope: u32,      // rotated width: rope / 2 pairs
  pages: u32,     // from one sequence's pages to the next
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<vec2<u32>>;  // (sequence, position)
@group(0) @binding(2) var<storage, read> rope: array<vec2<f32>>;  // (256 + coarse steps, pairs) of (cos, sin)
@group(0) @binding(3) var<storage, read> pages: array<u32>;       // (sequences, pages): where each PAGE positions lie in the caches
@group(0) @binding(4) var<storage, read_write> positions: array<u32>;  // (rows, 3 + rope): cache row, position, list of pages, pairs as f32 bits

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let row = rows[group.x];
  let at = group.x * (3u + params.rope);
  let pairs = params.rope / 2u;
  if (thread == 0u) {
    let list = row.x * params.pages;
    positions[at] = pages[list + row.y / PAGE] * PAGE + row.y % PAGE;
    positions[at + 1u] = row.y;
    positions[at + 2u] = list;
  }
  for (var i = thread; i < pairs; i += 64u) {
    let fine = rope[(row.y % 256u) * pairs + i];
    let coarse = rope[(256u + row.y / 256u) * pairs + i];
    positions[at + 3u + 2u * i] = bitcast<u32>(fine.x * coarse.x - fine.y * coarse.y);
    positions[at + 4u + 2u * i] = bitcast<u32>(fine.x * coarse.y + fine.y * coarse.x);
  }
}
