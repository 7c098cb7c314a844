// f16: a block is 4 words of 8 numbers.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;

// The 4 numbers of two words.
fn four(a: u32, b: u32) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(a), unpack2x16float(b));
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = ((matrix * rows + row) * blocks + block) * 4u;
  let p = weights[at];
  let q = weights[at + 1u];
  let r = weights[at + 2u];
  let s = weights[at + 3u];
  return Block(four(p.x, p.y), four(p.z, p.w), four(q.x, q.y), four(q.z, q.w), four(r.x, r.y), four(r.z, r.w), four(s.x, s.y), four(s.z, s.w));
}
