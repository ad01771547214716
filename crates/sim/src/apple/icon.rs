//! Draws the icons of the sample apps: a coloured square with a white mark.
//!
//! Square, like the store's: rounding the corners is up to whoever shows them.

use serde::{Deserialize, Serialize};

use super::png;

/// Pixels on each side.
pub const SIDE: u32 = 128;

/// What is drawn on the square.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mark {
    Plain,
    Signature,
    Wheel,
    Stones,
    Waves,
    Lines,
    Bricks,
    Layers,
    Table,
    Path,
    Bowl,
}

/// A shape on a square of 40 by 40.
enum Shape {
    Stroke {
        points: Vec<(f32, f32)>,
        width: f32,
    },
    Ring {
        centre: (f32, f32),
        radius: f32,
        width: f32,
    },
    Disc {
        centre: (f32, f32),
        radius: f32,
    },
    Block {
        corner: (f32, f32),
        size: (f32, f32),
        radius: f32,
    },
}

/// The icon as a PNG file.
pub fn draw(colour: &str, mark: Mark) -> Vec<u8> {
    let colour = parse_colour(colour);
    let mut palette = Vec::with_capacity(256);
    for level in 0..256u32 {
        palette.push(colour.map(|part| ((u32::from(part) * (255 - level) + 255 * level) / 255) as u8));
    }

    let shapes = shapes(mark);
    let unit = 40.0 / SIDE as f32;
    let mut pixels = Vec::with_capacity((SIDE * SIDE) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let at = ((x as f32 + 0.5) * unit, (y as f32 + 0.5) * unit);
            let mut cover = 0.0f32;
            for shape in &shapes {
                cover = cover.max((0.5 - shape.distance(at) / unit).clamp(0.0, 1.0));
            }
            pixels.push((cover * 255.0).round() as u8);
        }
    }
    png::encode(SIDE, SIDE, &palette, &pixels)
}

impl Shape {
    /// How far a point is from the shape's edge; negative inside.
    fn distance(&self, at: (f32, f32)) -> f32 {
        match self {
            Shape::Stroke { points, width } => {
                let mut nearest = f32::MAX;
                for pair in points.windows(2) {
                    nearest = nearest.min(to_segment(at, pair[0], pair[1]));
                }
                nearest - width / 2.0
            }
            Shape::Ring { centre, radius, width } => (between(at, *centre) - radius).abs() - width / 2.0,
            Shape::Disc { centre, radius } => between(at, *centre) - radius,
            Shape::Block { corner, size, radius } => {
                let middle = (corner.0 + size.0 / 2.0, corner.1 + size.1 / 2.0);
                let dx = (at.0 - middle.0).abs() - size.0 / 2.0 + radius;
                let dy = (at.1 - middle.1).abs() - size.1 / 2.0 + radius;
                dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - radius
            }
        }
    }
}

fn between(one: (f32, f32), other: (f32, f32)) -> f32 {
    (one.0 - other.0).hypot(one.1 - other.1)
}

fn to_segment(at: (f32, f32), from: (f32, f32), to: (f32, f32)) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx * dx + dy * dy;
    if length == 0.0 {
        return between(at, from);
    }
    let part = (((at.0 - from.0) * dx + (at.1 - from.1) * dy) / length).clamp(0.0, 1.0);
    between(at, (from.0 + part * dx, from.1 + part * dy))
}

fn shapes(mark: Mark) -> Vec<Shape> {
    const PEN: f32 = 2.6;
    match mark {
        Mark::Plain => vec![Shape::Ring {
            centre: (20.0, 20.0),
            radius: 8.0,
            width: PEN,
        }],
        Mark::Signature => vec![
            curve(
                PEN,
                (9.0, 26.0),
                &[
                    [(14.0, 12.0), (18.0, 12.0), (18.0, 21.0)],
                    [(18.0, 29.0), (23.0, 24.0), (24.0, 20.0)],
                    [(25.0, 25.0), (27.0, 26.0), (31.0, 25.0)],
                ],
            ),
            line(PEN, &[(9.0, 31.0), (31.0, 31.0)]),
        ],
        Mark::Wheel => vec![
            Shape::Ring {
                centre: (20.0, 20.0),
                radius: 11.0,
                width: PEN,
            },
            line(1.4, &[(20.0, 9.0), (20.0, 31.0)]),
            line(1.4, &[(9.0, 20.0), (31.0, 20.0)]),
            line(1.4, &[(12.2, 12.2), (27.8, 27.8)]),
            line(1.4, &[(27.8, 12.2), (12.2, 27.8)]),
        ],
        Mark::Stones => vec![
            block(8.0, 10.0, 11.0, 8.0),
            block(21.0, 10.0, 11.0, 8.0),
            block(8.0, 20.0, 7.0, 9.0),
            block(17.0, 20.0, 15.0, 9.0),
        ],
        Mark::Waves => vec![wave(PEN, 16.0), wave(PEN, 25.0)],
        Mark::Lines => vec![
            line(PEN, &[(11.0, 13.0), (29.0, 13.0)]),
            line(PEN, &[(11.0, 20.0), (29.0, 20.0)]),
            line(PEN, &[(11.0, 27.0), (21.0, 27.0)]),
        ],
        Mark::Bricks => vec![
            line(
                2.0,
                &[(9.0, 10.0), (31.0, 10.0), (31.0, 30.0), (9.0, 30.0), (9.0, 10.0)],
            ),
            line(2.0, &[(9.0, 16.7), (31.0, 16.7)]),
            line(2.0, &[(9.0, 23.3), (31.0, 23.3)]),
            line(2.0, &[(17.0, 10.0), (17.0, 16.7)]),
            line(2.0, &[(24.0, 16.7), (24.0, 23.3)]),
            line(2.0, &[(15.0, 23.3), (15.0, 30.0)]),
        ],
        Mark::Layers => vec![
            line(
                PEN,
                &[(20.0, 9.0), (32.0, 14.5), (20.0, 20.0), (8.0, 14.5), (20.0, 9.0)],
            ),
            line(PEN, &[(8.0, 20.0), (20.0, 25.5), (32.0, 20.0)]),
            line(PEN, &[(8.0, 25.5), (20.0, 31.0), (32.0, 25.5)]),
        ],
        Mark::Table => vec![
            line(
                PEN,
                &[(8.0, 16.0), (32.0, 16.0), (30.0, 20.0), (10.0, 20.0), (8.0, 16.0)],
            ),
            line(PEN, &[(13.0, 20.0), (11.0, 30.0)]),
            line(PEN, &[(27.0, 20.0), (29.0, 30.0)]),
            line(PEN, &[(15.0, 25.0), (25.0, 25.0)]),
        ],
        Mark::Path => vec![
            curve(
                PEN,
                (12.0, 31.0),
                &[
                    [(12.0, 23.0), (28.0, 25.0), (28.0, 18.0)],
                    [(28.0, 13.0), (20.0, 14.0), (20.0, 9.0)],
                ],
            ),
            Shape::Disc {
                centre: (12.0, 31.0),
                radius: 2.9,
            },
        ],
        Mark::Bowl => vec![
            curve(
                PEN,
                (31.0, 17.0),
                &[
                    [(31.0, 25.0), (27.0, 30.0), (20.0, 30.0)],
                    [(13.0, 30.0), (9.0, 25.0), (9.0, 17.0)],
                ],
            ),
            line(PEN, &[(9.0, 17.0), (31.0, 17.0)]),
            curve(PEN, (15.0, 12.0), &[[(15.0, 10.0), (17.0, 10.0), (17.0, 8.0)]]),
            curve(PEN, (23.0, 12.0), &[[(23.0, 10.0), (25.0, 10.0), (25.0, 8.0)]]),
        ],
    }
}

fn line(width: f32, points: &[(f32, f32)]) -> Shape {
    Shape::Stroke {
        points: points.to_vec(),
        width,
    }
}

fn block(x: f32, y: f32, width: f32, height: f32) -> Shape {
    Shape::Block {
        corner: (x, y),
        size: (width, height),
        radius: 3.0,
    }
}

fn wave(width: f32, y: f32) -> Shape {
    let mut points = Vec::new();
    for step in 0..=36 {
        let part = step as f32 / 36.0;
        points.push((8.0 + 24.0 * part, y - 3.0 * (part * std::f32::consts::TAU).sin()));
    }
    Shape::Stroke { points, width }
}

/// A stroke along Bézier curves: each goes on from where the one before ended.
fn curve(width: f32, start: (f32, f32), parts: &[[(f32, f32); 3]]) -> Shape {
    let mut points = vec![start];
    let mut from = start;
    for [one, two, to] in parts {
        for step in 1..=12 {
            let t = step as f32 / 12.0;
            let u = 1.0 - t;
            let at = |a: f32, b: f32, c: f32, d: f32| {
                u * u * u * a + 3.0 * u * u * t * b + 3.0 * u * t * t * c + t * t * t * d
            };
            points.push((at(from.0, one.0, two.0, to.0), at(from.1, one.1, two.1, to.1)));
        }
        from = *to;
    }
    Shape::Stroke { points, width }
}

fn parse_colour(text: &str) -> [u8; 3] {
    let number = u32::from_str_radix(text.trim_start_matches('#'), 16).unwrap_or(0x505c66);
    [(number >> 16) as u8, (number >> 8) as u8, number as u8]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::sample;

    #[test]
    fn every_sample_app_has_a_mark_of_its_own() {
        let mut icons = Vec::new();
        for app in sample::organisation().assets {
            let icon = draw("#000000", app.mark);
            assert!(!icons.contains(&icon));
            icons.push(icon);
        }
    }
}
