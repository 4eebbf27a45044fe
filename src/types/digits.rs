//! Numbers and addresses as text without the formatting machinery, for what is written with every request.

use std::net::Ipv4Addr;

/// A number in decimal digits.
#[derive(Clone, Copy, Debug)]
pub struct Digits {
    text: [u8; 20],
    from: usize,
}

impl Digits {
    /// The digits of a number.
    #[must_use]
    pub fn of(mut number: u64) -> Self {
        let (mut text, mut from) = ([b'0'; 20], 20);
        loop {
            from -= 1;
            text[from] = b'0' + u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
            if number == 0 {
                return Self { text, from };
            }
        }
    }

    /// The digits.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[self.from..]
    }

    /// Adds them to a text.
    pub fn push_to(&self, text: &mut String) {
        text.extend(self.as_bytes().iter().map(|digit| char::from(*digit)));
    }
}

/// An IPv4 address as it prints.
#[derive(Clone, Copy, Debug)]
pub struct Dotted {
    text: [u8; 15],
    len: usize,
}

impl Dotted {
    /// The text of an address.
    #[must_use]
    pub fn of(ip: Ipv4Addr) -> Self {
        let mut dotted = Self { text: [b'.'; 15], len: 0 };
        for part in ip.octets() {
            // The points are there already.
            dotted.len += usize::from(dotted.len > 0);
            if part >= 100 {
                dotted.push(part / 100);
            }
            if part >= 10 {
                dotted.push(part / 10 % 10);
            }
            dotted.push(part % 10);
        }
        dotted
    }

    const fn push(&mut self, digit: u8) {
        self.text[self.len] = b'0' + digit;
        self.len += 1;
    }

    /// The text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_what_is_printed(number in any::<u64>(), address in any::<[u8; 4]>()) {
            for number in [number, number % 1000, 0, u64::MAX] {
                let mut text = String::new();
                Digits::of(number).push_to(&mut text);
                prop_assert_eq!(&text, &number.to_string());
            }
            for ip in [Ipv4Addr::from(address), Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST] {
                let (dotted, printed) = (Dotted::of(ip), ip.to_string());
                prop_assert_eq!(dotted.as_bytes(), printed.as_bytes());
            }
        }
    }
}
