//! Compressed sparse matrices.
