// Rows and activations are multiplied as f32.
alias RowBlock = Block;
alias Factor = Block;

fn load_row(matrix: u32, row: u32, block: u32, rows: u32, blocks: u32) -> RowBlock {
  return load_block(matrix, row, block, rows, blocks);
}

// Activations as dot_rows wants them.
fn factor(v: Block) -> Factor {
  return v;
}

fn dot_row(w: RowBlock, x: Factor) -> f32 {
  return dot_block(w, x);
}
