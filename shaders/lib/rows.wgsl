// A thread takes ROWS rows of a matrix at once, so that what it reads of x serves them all. In a workgroup of THREADS,
// of which LANES share a row, they lie ROW_STEP apart. How a block of a row is kept and multiplied, rows_float.wgsl or
// rows_int8.wgsl says.
const ROW_STEP: u32 = THREADS / LANES;
const ROWS_HERE: u32 = ROW_STEP * ROWS;  // rows of a workgroup

// The same block of each of a thread's rows; those beyond ROWS are not made.
struct RowBlocks {
  a: RowBlock,
  b: RowBlock,
  c: RowBlock,
  d: RowBlock,
}

// Rows beyond the matrix read its last one: their results are dropped.
fn load_rows(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> RowBlocks {
  var w: RowBlocks;
  w.a = load_row(matrix, min(row, rows - 1u), block, rows, blocks);
  if (ROWS > 1u) {
    w.b = load_row(matrix, min(row + ROW_STEP, rows - 1u), block, rows, blocks);
  }
  if (ROWS > 2u) {
    w.c = load_row(matrix, min(row + 2u * ROW_STEP, rows - 1u), block, rows, blocks);
    w.d = load_row(matrix, min(row + 3u * ROW_STEP, rows - 1u), block, rows, blocks);
  }
  return w;
}

// The product of each row's block with a block of activations.
fn dot_rows(w: RowBlocks, x: Factor) -> vec4<f32> {
  var dots = vec4<f32>(dot_row(w.a, x), 0.0, 0.0, 0.0);
  if (ROWS > 1u) {
    dots.y = dot_row(w.b, x);
  }
  if (ROWS > 2u) {
    dots.z = dot_row(w.c, x);
    dots.w = dot_row(w.d, x);
  }
  return dots;
}
