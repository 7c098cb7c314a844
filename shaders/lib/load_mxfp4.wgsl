// mxfp4 (OCP Microscaling): e2m1 * 2^(e - 127); a byte e of each block.
@group(0) @binding(8) var<storage, read> weights: array<vec4<u32>>;
@group(0) @binding(9) var<storage, read> scales: array<u32>;

// Twice the values of e2m1 codes: sign, 2 exponent bits, 1 mantissa bit.
fn e2m1(code: vec4<u32>) -> vec4<f32> {
  let magnitude = vec4<f32>((vec4<u32>(0xc8643210u) >> (4u * (code & vec4<u32>(7u)))) & vec4<u32>(15u));
  return select(magnitude, -magnitude, code >= vec4<u32>(8u));
}

// The 32 weights of a block of a row, in a stack of matrices of `rows` rows of `blocks` blocks.
fn load_block(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> Block {
  let at = (matrix * rows + row) * blocks + block;
  let e = (scales[at / 4u] >> (8u * (at % 4u))) & 255u;
  let scale = 0.5 * bitcast<f32>(max(e, 1u) << 23u);  // 2^-127 is below what a GPU keeps: 2^-126 stands for it
  let v = weights[at];
  return Block(
    scale * e2m1(nibbles(v.x)), scale * e2m1(nibbles(v.y)), scale * e2m1(nibbles(v.z)), scale * e2m1(nibbles(v.w)),
    scale * e2m1(nibbles(v.x >> 4u)), scale * e2m1(nibbles(v.y >> 4u)), scale * e2m1(nibbles(v.z >> 4u)), scale * e2m1(nibbles(v.w >> 4u)),
  );
}
