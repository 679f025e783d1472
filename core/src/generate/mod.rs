//! From a prompt's ids to an answer: the engine, its sessions, and what chooses and shapes the tokens.

mod chunks;
mod constraint;
mod engine;
mod likelihood;
mod mask;
mod pattern;
mod perplexity;
mod placement;
mod sampler;
mod schema;
mod session;
mod shape;
mod snapshot;
#[cfg(test)]
mod suite;
#[cfg(feature = "gpu")]
mod trial;

pub use engine::{Engine, EngineOptions};
pub(crate) use likelihood::softmax;
pub use likelihood::{log_probability, log_sum_exp};
pub use perplexity::{Perplexity, perplexity};
pub use sampler::Sampling;
pub use session::{Finish, GenerateOptions, Generation, Overflow, Session, SessionOptions};
pub use shape::Shape;
