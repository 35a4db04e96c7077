//! The rig: what suites, fuzz targets and benches share.
