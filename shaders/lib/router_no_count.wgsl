// Nothing is counted.
fn count_visit(row: u32, expert: u32) {}
