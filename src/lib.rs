//! ipvsd
