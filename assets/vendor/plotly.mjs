import "./plotly-basic-4.1.1.min.js";
export const Plotly = window.Plotly;
