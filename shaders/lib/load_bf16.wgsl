// bf16: a block is 4 words of 8 numbers, the upper halves of f32.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> array<vec4<f32>, 8> {
  var out: array<vec4<f32>, 8>;
  let at = ((matrix * rows + row) * blocks + block) * 4u;
  for (var i = 0u; i < 4u; i++) {
    let v = weights[at + i];
    out[2u * i] = bitcast<vec4<f32>>(vec4<u32>(v.x << 16u, v.x & 0xffff0000u, v.y << 16u, v.y & 0xffff0000u));
    out[2u * i + 1u] = bitcast<vec4<f32>>(vec4<u32>(v.z << 16u, v.z & 0xffff0000u, v.w << 16u, v.w & 0xffff0000u));
  }
  return out;
}
