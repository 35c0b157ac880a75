//! An echo with nothing but sockets and frames: what the broker itself allows.

use super::PAYLOAD;
use amq_protocol::frame::{AMQPContentHeader, AMQPFrame, ProtocolVersion, gen_frame, parse_frame};
use amq_protocol::protocol::{AMQPClass, BasicProperties, basic, channel, connection, queue};
use amq_protocol::types::{FieldTable, ShortString};
use anyhow::Context;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

const REPLY_TO: &str = "amq.rabbitmq.reply-to";
/// AMQP's number of the class basic.
const BASIC: u16 = 60;
const CHANNEL: u16 = 1;
const READ_BUFFER: usize = 1 << 16;
/// How long a frame is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Echoes per second, with so many on their way at any moment.
pub async fn rate(broker: &str, at_once: usize, time: Duration) -> anyhow::Result<f64> {
    let address = address(broker)?;
    let measured = tokio::task::spawn_blocking(move || measure(&address, at_once, time));
    measured.await?
}

/// Host and port of `amqp://user:password@host:port/vhost`.
fn address(broker: &str) -> anyhow::Result<String> {
    let (_, rest) = broker.split_once('@').context("a user")?;
    let (address, _) = rest.split_once('/').context("a virtual host")?;
    Ok(address.to_owned())
}

fn measure(address: &str, at_once: usize, time: Duration) -> anyhow::Result<f64> {
    let queue: ShortString = format!("load-{}", uuid::Uuid::new_v4().simple()).into();
    let mut server = Link::open(address)?;
    server.declare(&queue)?;
    server.consume(&queue)?;
    let connection = server.stream.try_clone()?;
    let echo = std::thread::spawn(move || server.echo());
    let mut caller = Link::open(address)?;
    caller.consume(&REPLY_TO.into())?;
    let count = caller.ask(&queue, at_once, time)?;
    connection.shutdown(Shutdown::Both)?;
    caller.delete(&queue)?;
    // it ends because its connection does
    drop(echo.join().map_err(|_| anyhow::anyhow!("the echo panicked"))?);
    Ok(count / time.as_secs_f64())
}

/// A connection with one channel.
struct Link {
    stream: TcpStream,
    received: Vec<u8>,
    to_send: Vec<u8>,
}

impl Link {
    fn open(address: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut link = Self { stream, received: Vec::new(), to_send: Vec::new() };
        link.send(&AMQPFrame::ProtocolHeader(ProtocolVersion::amqp_0_9_1()))?;
        link.next()?;
        let start = connection::StartOk {
            client_properties: FieldTable::default(),
            mechanism: "PLAIN".into(),
            response: "\0guest\0guest".into(),
            locale: "en_US".into(),
        };
        link.method(0, AMQPClass::Connection(connection::AMQPMethod::StartOk(start)))?;
        let AMQPFrame::Method(0, AMQPClass::Connection(connection::AMQPMethod::Tune(tune))) =
            link.next()?
        else {
            anyhow::bail!("the broker does not tune");
        };
        let tuned = connection::TuneOk {
            channel_max: tune.channel_max,
            frame_max: tune.frame_max,
            heartbeat: 0,
        };
        link.method(0, AMQPClass::Connection(connection::AMQPMethod::TuneOk(tuned)))?;
        let open = connection::Open { virtual_host: "/".into() };
        link.method(0, AMQPClass::Connection(connection::AMQPMethod::Open(open)))?;
        link.next()?;
        link.method(CHANNEL, AMQPClass::Channel(channel::AMQPMethod::Open(channel::Open {})))?;
        link.next()?;
        Ok(link)
    }

    fn declare(&mut self, queue: &ShortString) -> anyhow::Result<()> {
        let declare = queue::Declare {
            queue: queue.clone(),
            passive: false,
            durable: false,
            exclusive: false,
            auto_delete: false,
            nowait: false,
            arguments: FieldTable::default(),
        };
        self.method(CHANNEL, AMQPClass::Queue(queue::AMQPMethod::Declare(declare)))?;
        self.next().map(drop)
    }

    fn delete(&mut self, queue: &ShortString) -> anyhow::Result<()> {
        let delete =
            queue::Delete { queue: queue.clone(), if_unused: false, if_empty: false, nowait: true };
        self.method(CHANNEL, AMQPClass::Queue(queue::AMQPMethod::Delete(delete)))
    }

    fn consume(&mut self, queue: &ShortString) -> anyhow::Result<()> {
        let consume = basic::Consume {
            queue: queue.clone(),
            consumer_tag: ShortString::default(),
            no_local: false,
            no_ack: true,
            exclusive: false,
            nowait: false,
            arguments: FieldTable::default(),
        };
        self.method(CHANNEL, AMQPClass::Basic(basic::AMQPMethod::Consume(consume)))?;
        self.next().map(drop)
    }

    /// Keeps so many requests on their way; counts the replies.
    fn ask(&mut self, queue: &ShortString, at_once: usize, time: Duration) -> anyhow::Result<f64> {
        let properties = BasicProperties::default()
            .with_correlation_id("1".into())
            .with_reply_to(REPLY_TO.into());
        for _ in 0..at_once {
            self.publish(queue, PAYLOAD, &properties)?;
        }
        self.flush()?;
        let (started, mut count) = (Instant::now(), 0.0);
        while started.elapsed() < time {
            if let AMQPFrame::Body(..) = self.next()? {
                count += 1.0;
                self.publish(queue, PAYLOAD, &properties)?;
            }
        }
        Ok(count)
    }

    /// Answers every request, until there is none for too long, or the connection ends.
    fn echo(&mut self) -> anyhow::Result<()> {
        let mut properties = BasicProperties::default();
        loop {
            match self.next()? {
                AMQPFrame::Header(_, header) => properties = header.properties,
                AMQPFrame::Body(_, payload) => {
                    let to = properties.reply_to().clone().context("a reply-to")?;
                    let id = properties.correlation_id().clone().context("a correlation id")?;
                    let reply = BasicProperties::default().with_correlation_id(id);
                    self.publish(&to, &payload, &reply)?;
                }
                _ => {}
            }
        }
    }

    /// Writes down a message for the next [`Self::flush`].
    fn publish(
        &mut self,
        to: &ShortString,
        payload: &[u8],
        properties: &BasicProperties,
    ) -> anyhow::Result<()> {
        let publish = basic::Publish {
            exchange: ShortString::default(),
            routing_key: to.clone(),
            mandatory: false,
            immediate: false,
        };
        let header = AMQPContentHeader {
            class_id: BASIC,
            body_size: payload.len() as u64,
            properties: properties.clone(),
        };
        let method = AMQPClass::Basic(basic::AMQPMethod::Publish(publish));
        self.write(&AMQPFrame::Method(CHANNEL, method))?;
        self.write(&AMQPFrame::Header(CHANNEL, header))?;
        self.write(&AMQPFrame::Body(CHANNEL, payload.to_vec()))
    }

    fn method(&mut self, channel: u16, method: AMQPClass) -> anyhow::Result<()> {
        self.send(&AMQPFrame::Method(channel, method))
    }

    fn send(&mut self, frame: &AMQPFrame) -> anyhow::Result<()> {
        self.write(frame)?;
        self.flush()
    }

    fn write(&mut self, frame: &AMQPFrame) -> anyhow::Result<()> {
        let written = gen_frame(frame)(std::mem::take(&mut self.to_send).into());
        self.to_send = written.map_err(|error| anyhow::anyhow!("{error:?}"))?.into_inner().0;
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        self.stream.write_all(&self.to_send)?;
        self.to_send.clear();
        Ok(())
    }

    /// The next frame; what was written down is sent before it is waited for.
    fn next(&mut self) -> anyhow::Result<AMQPFrame> {
        loop {
            if let Ok((rest, frame)) = parse_frame(self.received.as_slice()) {
                let taken = self.received.len() - rest.len();
                self.received.drain(..taken);
                return Ok(frame);
            }
            self.flush()?;
            let mut buffer = [0; READ_BUFFER];
            let count = self.stream.read(&mut buffer)?;
            anyhow::ensure!(count > 0, "the broker has closed the connection");
            self.received.extend_from_slice(&buffer[..count]);
        }
    }
}
