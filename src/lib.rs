//! Tollgate: an OAuth 2.1 authorization server and gate for APIs you already run.

pub mod pages;
