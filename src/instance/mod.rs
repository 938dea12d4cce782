//! Start-up, image taking, recycle, limits.
