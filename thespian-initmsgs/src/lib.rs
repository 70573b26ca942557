//! Actors that begin their work when the messages they cannot do without have come.
