// copy_pages
// Copies pages of a cache: page moves[y].x to page moves[y].y; a page onto itself is left alone. Workgroup x counts
// words, y moves.

struct Params {
  words: u32,  // of a page
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> moves: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> cache: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let turn = moves[group.y];
  let i = 64u * group.x + thread;
  if (turn.x != turn.y && i < params.words) {
    cache[turn.y * params.words + i] = cache[turn.x * params.words + i];
  }
}

