//! The engine against references: tiny models of every family, the real model's goldens, sessions, shapes, functions, broken files.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests, in files that hold nothing else")]

mod broken;
mod classify;
mod encoder;
mod golden;
mod prefix;
mod replay;
mod session;
mod shape;
mod tasks;
mod tiny;
