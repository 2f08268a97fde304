//! The rules: pure, told the time and the outcomes, answering with jobs and events.
