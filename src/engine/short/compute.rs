//! What only computes, and cannot trap.

use super::read::{Reader, Types};
use super::steps::Step;
use wasmparser::Operator;

impl<T: Types> Reader<'_, T> {
    /// What only computes, and cannot trap.
    pub(super) fn compute(&mut self, operator: &Operator) -> Option<()> {
        const fn i(bits: u64) -> i32 {
            bits as i32
        }
        const fn u(bits: u64) -> u32 {
            bits as u32
        }
        fn f(bits: u64) -> f32 {
            f32::from_bits(bits as u32)
        }
        fn d(bits: u64) -> f64 {
            f64::from_bits(bits)
        }
        fn of_u(value: u32) -> u64 {
            u64::from(value)
        }
        fn of_i(value: i32) -> u64 {
            u64::from(value as u32)
        }
        fn of_f(value: f32) -> u64 {
            u64::from(value.to_bits())
        }
        match operator {
            Operator::I32Add => {
                let (right, left) = (self.pop()?, self.pop()?);
                let to = self.push()?;
                self.steps.push(Step::Add { to, left, right });
                Some(())
            }
            Operator::I32Sub => self.binary(|a, b| of_u(u(a).wrapping_sub(u(b)))),
            Operator::I32Mul => self.binary(|a, b| of_u(u(a).wrapping_mul(u(b)))),
            Operator::I32And | Operator::I64And => self.binary(|a, b| a & b),
            Operator::I32Or | Operator::I64Or => self.binary(|a, b| a | b),
            Operator::I32Xor | Operator::I64Xor => self.binary(|a, b| a ^ b),
            Operator::I32Shl => self.binary(|a, b| of_u(u(a).wrapping_shl(u(b)))),
            Operator::I32ShrU => self.binary(|a, b| of_u(u(a).wrapping_shr(u(b)))),
            Operator::I32ShrS => self.binary(|a, b| of_i(i(a).wrapping_shr(u(b)))),
            Operator::I32Eq => self.binary(|a, b| (u(a) == u(b)).into()),
            Operator::I32Ne => self.binary(|a, b| (u(a) != u(b)).into()),
            Operator::I32LtS => self.binary(|a, b| (i(a) < i(b)).into()),
            Operator::I32LtU => self.binary(|a, b| (u(a) < u(b)).into()),
            Operator::I32GtS => self.binary(|a, b| (i(a) > i(b)).into()),
            Operator::I32GtU => self.binary(|a, b| (u(a) > u(b)).into()),
            Operator::I32LeS => self.binary(|a, b| (i(a) <= i(b)).into()),
            Operator::I32LeU => self.binary(|a, b| (u(a) <= u(b)).into()),
            Operator::I32GeS => self.binary(|a, b| (i(a) >= i(b)).into()),
            Operator::I32GeU => self.binary(|a, b| (u(a) >= u(b)).into()),
            Operator::I32Eqz => self.unary(|a| (u(a) == 0).into()),
            Operator::I32Extend8S => self.unary(|a| of_i((a as i8).into())),
            Operator::I32Extend16S => self.unary(|a| of_i((a as i16).into())),
            Operator::I32WrapI64 => self.unary(|a| of_u(u(a))),
            Operator::I64ExtendI32S => self.unary(|a| i64::from(i(a)) as u64),
            Operator::I64ExtendI32U => self.unary(|a| of_u(u(a))),
            Operator::I64Add => self.binary(u64::wrapping_add),
            Operator::I64Sub => self.binary(u64::wrapping_sub),
            Operator::I64Mul => self.binary(u64::wrapping_mul),
            Operator::I64Shl => self.binary(|a, b| a.wrapping_shl(u(b))),
            Operator::I64ShrU => self.binary(|a, b| a.wrapping_shr(u(b))),
            Operator::I64ShrS => self.binary(|a, b| (a as i64).wrapping_shr(u(b)) as u64),
            Operator::I64Eq => self.binary(|a, b| (a == b).into()),
            Operator::I64Ne => self.binary(|a, b| (a != b).into()),
            Operator::I64Eqz => self.unary(|a| (a == 0).into()),
            Operator::F64Add => self.binary(|a, b| (d(a) + d(b)).to_bits()),
            Operator::F64Sub => self.binary(|a, b| (d(a) - d(b)).to_bits()),
            Operator::F64Mul => self.binary(|a, b| (d(a) * d(b)).to_bits()),
            Operator::F64Div => self.binary(|a, b| (d(a) / d(b)).to_bits()),
            Operator::F64Eq => self.binary(|a, b| (d(a) == d(b)).into()),
            Operator::F64Ne => self.binary(|a, b| (d(a) != d(b)).into()),
            Operator::F64Lt => self.binary(|a, b| (d(a) < d(b)).into()),
            Operator::F64Gt => self.binary(|a, b| (d(a) > d(b)).into()),
            Operator::F64Le => self.binary(|a, b| (d(a) <= d(b)).into()),
            Operator::F64Ge => self.binary(|a, b| (d(a) >= d(b)).into()),
            Operator::F32Add => self.binary(|a, b| of_f(f(a) + f(b))),
            Operator::F32Sub => self.binary(|a, b| of_f(f(a) - f(b))),
            Operator::F32Mul => self.binary(|a, b| of_f(f(a) * f(b))),
            Operator::F32Div => self.binary(|a, b| of_f(f(a) / f(b))),
            Operator::F64ConvertI32S => self.unary(|a| f64::from(i(a)).to_bits()),
            Operator::F64ConvertI32U => self.unary(|a| f64::from(u(a)).to_bits()),
            Operator::F32ConvertI32S => self.unary(|a| of_f(i(a) as f32)),
            Operator::F32ConvertI32U => self.unary(|a| of_f(u(a) as f32)),
            Operator::F64PromoteF32 => self.unary(|a| f64::from(f(a)).to_bits()),
            Operator::F32DemoteF64 => self.unary(|a| of_f(d(a) as f32)),
            Operator::I32ReinterpretF32 | Operator::F32ReinterpretI32 => self.unary(of_low),
            Operator::I64ReinterpretF64 | Operator::F64ReinterpretI64 => self.unary(|a| a),
            _ => None,
        }
    }

    fn unary(&mut self, compute: fn(u64) -> u64) -> Option<()> {
        let from = self.pop()?;
        let to = self.push()?;
        self.steps.push(Step::Unary { to, from, compute });
        Some(())
    }

    fn binary(&mut self, compute: fn(u64, u64) -> u64) -> Option<()> {
        let (right, left) = (self.pop()?, self.pop()?);
        let to = self.push()?;
        self.steps.push(Step::Binary {
            to,
            left,
            right,
            compute,
        });
        Some(())
    }
}

fn of_low(bits: u64) -> u64 {
    bits & u64::from(u32::MAX)
}
