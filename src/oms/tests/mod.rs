//! The core alone, told by hand what nobody else would say in that order: settlements, fills of
//! strangers, an exchange that takes its word back.

mod admission;
mod conditions;
mod costs;
mod desk;
mod following;
mod guard;
mod newcomers;
mod outsiders;
mod reconciling;
mod repetitions;
mod rereading;
mod settlements;
mod stops;
mod streams;
mod successors;
mod switch;
