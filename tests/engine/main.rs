//! The engine against references: tiny models of every family, the real model's goldens, sessions, shapes, functions, broken files.

mod broken;
mod golden;
mod session;
mod shape;
mod tasks;
mod tiny;
