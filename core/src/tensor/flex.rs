//! The operations on Burn's CPU backend: tensors in, slices to the kernels of `cpu`, tensors out.
//!
//! Outputs are new buffers, caches are changed in place. A kernel's refusal means that sizes checked at load were wrong after all; it
//! unwinds to the engine, which turns it into an error.

use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::{Bytes, DType, Shape, f16};
use burn_flex::{FlexTensor, Layout};

use super::cpu::{self, Isa};
use super::ops::SlmOps;
use super::spec::{Activation, AttentionSpec, BidirectionalSpec, RopeSpec, WeightSpec};
use crate::Result;

impl SlmOps for Flex {
    fn embed(ids: IntTensor<Self>, table: IntTensor<Self>, spec: WeightSpec, scale: f32) -> FloatTensor<Self> {
        let ids = ids.to_contiguous();
        let ids = ids.storage::<i32>();
        let mut out = vec![0.0; ids.len() * spec.cols];
        done(cpu::embed(ids, table.bytes(), spec, scale, &mut out));
        matrix(out, ids.len(), spec.cols)
    }

    fn linear(x: FloatTensor<Self>, weight: IntTensor<Self>, spec: WeightSpec) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let m = rows(&x);
        let mut out = vec![0.0; m * spec.rows];
        done(cpu::linear(Isa::best(), x.storage(), weight.bytes(), spec, &mut out));
        matrix(out, m, spec.rows)
    }

    fn linear_residual(
        x: FloatTensor<Self>,
        weight: IntTensor<Self>,
        residual: FloatTensor<Self>,
        spec: WeightSpec,
    ) -> FloatTensor<Self> {
        let (x, residual) = (x.to_contiguous(), residual.to_contiguous());
        let m = rows(&x);
        let mut out = vec![0.0; m * spec.rows];
        done(cpu::linear_residual(Isa::best(), x.storage(), weight.bytes(), residual.storage(), spec, &mut out));
        matrix(out, m, spec.rows)
    }

    fn linear_qkv(
        x: FloatTensor<Self>,
        q: IntTensor<Self>,
        k: IntTensor<Self>,
        v: IntTensor<Self>,
        specs: [WeightSpec; 3],
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let x = x.to_contiguous();
        let m = rows(&x);
        let [mut q_out, mut k_out, mut v_out] = specs.map(|spec| vec![0.0; m * spec.rows]);
        let weights = [q.bytes(), k.bytes(), v.bytes()];
        let outs = [&mut q_out[..], &mut k_out[..], &mut v_out[..]];
        done(cpu::linear_qkv(Isa::best(), x.storage(), weights, specs, outs));
        (matrix(q_out, m, specs[0].rows), matrix(k_out, m, specs[1].rows), matrix(v_out, m, specs[2].rows))
    }

    fn gate_up(
        x: FloatTensor<Self>,
        gate: IntTensor<Self>,
        up: IntTensor<Self>,
        specs: [WeightSpec; 2],
        activation: Activation,
    ) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let m = rows(&x);
        let mut out = vec![0.0; m * specs[0].rows];
        done(cpu::gate_up(Isa::best(), x.storage(), [gate.bytes(), up.bytes()], specs, activation, &mut out));
        matrix(out, m, specs[0].rows)
    }

    fn rms_norm(x: FloatTensor<Self>, weight: FloatTensor<Self>, epsilon: f32) -> FloatTensor<Self> {
        let x = x.to_contiguous();
        let mut out = vec![0.0; x.layout().num_elements()];
        done(cpu::rms_norm(Isa::best(), x.storage(), weight.to_contiguous().storage(), epsilon, &mut out));
        let m = rows(&x);
        matrix(out, m, x.layout().num_elements() / m.max(1))
    }

    fn rope_append(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        place: FloatTensor<Self>,
        mut keys: FloatTensor<Self>,
        mut values: FloatTensor<Self>,
        spec: RopeSpec,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let mut q = q.to_contiguous();
        let (k, v, place) = (k.to_contiguous(), v.to_contiguous(), place.to_contiguous());
        let m = rows(&q);
        let (q_rows, k, v, frequencies) = (q.storage_mut(), k.storage(), v.storage(), &place.storage()[1..]);
        done(match keys.dtype() {
            DType::F16 => {
                let (keys, values) = (keys.storage_mut::<f16>(), values.storage_mut::<f16>());
                cpu::rope_append(q_rows, k, v, frequencies, keys, values, m, spec)
            }
            _ => {
                let (keys, values) = (keys.storage_mut::<f32>(), values.storage_mut::<f32>());
                cpu::rope_append(q_rows, k, v, frequencies, keys, values, m, spec)
            }
        });
        (q, keys, values)
    }

    fn attention(
        q: FloatTensor<Self>,
        keys: &FloatTensor<Self>,
        values: &FloatTensor<Self>,
        _place: FloatTensor<Self>,
        spec: AttentionSpec,
    ) -> FloatTensor<Self> {
        let q = q.to_contiguous();
        let mut out = vec![0.0; q.layout().num_elements()];
        let isa = Isa::best();
        done(match keys.dtype() {
            DType::F16 => cpu::attention::<f16>(isa, q.storage(), keys.storage(), values.storage(), spec, &mut out),
            _ => cpu::attention::<f32>(isa, q.storage(), keys.storage(), values.storage(), spec, &mut out),
        });
        matrix(out, rows(&q), spec.heads * spec.head_dim)
    }

    fn layer_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        epsilon: f32,
    ) -> FloatTensor<Self> {
        let (x, weight, bias) = (x.to_contiguous(), weight.to_contiguous(), bias.to_contiguous());
        let (m, elements) = (rows(&x), x.layout().num_elements());
        let mut out = vec![0.0; elements];
        done(cpu::layer_norm(Isa::best(), x.storage(), weight.storage(), bias.storage(), epsilon, &mut out));
        matrix(out, m, elements / m.max(1))
    }

    fn biased_gelu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        let mut x = x.to_contiguous();
        done(cpu::biased_gelu(Isa::best(), x.storage_mut(), bias.to_contiguous().storage()));
        x
    }

    fn bidirectional_attention(
        q: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        bounds: IntTensor<Self>,
        spec: BidirectionalSpec,
    ) -> FloatTensor<Self> {
        let [q, k, v, bounds] = [q, k, v, bounds].map(|tensor| tensor.to_contiguous());
        let mut out = vec![0.0; q.layout().num_elements()];
        let (k, v, bounds) = (k.storage(), v.storage(), bounds.storage::<i32>());
        done(cpu::bidirectional_attention(Isa::best(), q.storage(), k, v, bounds, spec, &mut out));
        matrix(out, rows(&q), spec.heads * spec.head_dim)
    }
}

/// Unwinds to the engine on a kernel's refusal; see the module's opening.
fn done(result: Result<()>) {
    if let Err(error) = result {
        std::panic::panic_any(error);
    }
}

fn rows(x: &FlexTensor) -> usize {
    x.layout().shape()[0]
}

fn matrix(values: Vec<f32>, rows: usize, cols: usize) -> FlexTensor {
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::new([rows, cols])), DType::F32)
}
