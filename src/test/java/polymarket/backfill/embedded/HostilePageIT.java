package polymarket.backfill.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import polymarket.backfill.http.Browser;

/**
 * A page of another origin in a real browser. What it tries works with the guard off, so that the
 * test knows that the page is able to; with the guard on, nothing of it does.
 */
class HostilePageIT {
  /** An engine without guard and password. */
  public static final class Unguarded {
    public static void main(String[] args) throws Exception {
      EngineServer server =
          new EngineServer(Path.of(args[0]), 0, null, HttpConnection.Patience.USUAL, false);
      System.out.println(server.url());
      while (System.in.read() >= 0) {
        // until the test lets go
      }
      server.close();
      Runtime.getRuntime().halt(0);
    }
  }

  /** The page's server. */
  private static final class Evil implements AutoCloseable {
    private final HttpServer http;

    Evil() throws Exception {
      http =
          HttpServer.create(
              new InetSocketAddress(InetAddress.getByAddress(new byte[] {127, 0, 0, 1}), 0), 0);
      http.createContext(
          "/",
          exchange -> {
            byte[] page = "<!doctype html><title>page</title><body>hello".getBytes();
            exchange.getResponseHeaders().set("Content-Type", "text/html");
            exchange.sendResponseHeaders(200, page.length);
            exchange.getResponseBody().write(page);
            exchange.close();
          });
      http.start();
    }

    String url(String host) {
      return "http://" + host + ":" + http.getAddress().getPort() + "/";
    }

    @Override
    public void close() {
      http.stop(0);
    }
  }

  private static String js(String text) {
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'";
  }

  private static String send(URI engine, String more, String table) {
    return "await fetch("
        + js(engine + "/" + more)
        + ", {method: 'POST', mode: 'no-cors', headers: {'Content-Type': 'text/plain'}, body: "
        + js("CREATE TABLE " + table + " (a UInt8) ENGINE = Memory")
        + "}).catch(() => 0);";
  }

  private static String form(URI engine, String more, String table) {
    return "const frame = document.createElement('iframe'); frame.name = 'f';"
        + " document.body.append(frame); const form = document.createElement('form');"
        + " form.method = 'post'; form.enctype = 'text/plain'; form.target = 'f'; form.action = "
        + js(engine + "/" + more)
        + "; const field = document.createElement('input'); field.name = "
        + js("CREATE TABLE " + table + " (a UInt8, b String DEFAULT '")
        + "; field.value = "
        + js("') ENGINE = Memory")
        + "; form.append(field); document.body.append(form); form.submit();"
        + " await new Promise(done => setTimeout(done, 1500));";
  }

  /** Tries to write in two ways, as the page that is open. */
  private static void write(Browser browser, URI engine, String more, String name) {
    browser.run(send(engine, more, name + "_fetch"));
    browser.run(form(engine, more, name + "_form"));
  }

  /** Tries to read: an answer that is a script tells the page what stands in the database. */
  private static String read(URI engine, String more) {
    return "window.loot = 'nothing'; return await new Promise(done => {"
        + " const script = document.createElement('script');"
        + " script.onload = script.onerror = () => done(window.loot); script.src = "
        + js(engine + "/" + more + "query=")
        + " + encodeURIComponent("
        + js("SELECT concat('window.loot = \"', currentDatabase(), '\"') FORMAT RawBLOB")
        + "); document.body.append(script); });";
  }

  private static List<String> tables(URI engine, String name) {
    return TestEngine.ask(
            engine,
            "SELECT name FROM system.tables WHERE startsWith(name, '" + name + "') ORDER BY name")
        .lines()
        .toList();
  }

  @Test
  void aPageOfAnotherOrigin_canDoAllWithTheGuardOff_andNothingWithItOn() throws Exception {
    Path data = TestEngine.folder("unguarded");
    Process unguarded = null;
    try (Browser browser = Browser.startOrSkip();
        Evil evil = new Evil()) {
      unguarded =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-cp",
                  System.getProperty("java.class.path"),
                  Unguarded.class.getName(),
                  data.toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
      URI open =
          URI.create(
              new BufferedReader(
                      new InputStreamReader(unguarded.getInputStream(), StandardCharsets.UTF_8))
                  .readLine());
      browser.open(evil.url("127.0.0.1"));
      write(browser, open, "", "open");
      assertEquals(List.of("open_fetch", "open_form"), tables(open, "open"));
      assertEquals("default", browser.run(read(open, "?")));

      // the same with the guard; the password is no help, as if the page had guessed it
      URI guarded = TestEngine.shared().url();
      for (String host : List.of("127.0.0.1", "localhost")) {
        browser.open(evil.url(host));
        for (String more : List.of("?", "?user=default&password=" + TestEngine.PASSWORD + "&")) {
          write(browser, guarded, more, "guarded");
          assertEquals("nothing", browser.run(read(guarded, more)), more);
          assertTrue(
              browser
                  .run("return await (await fetch(" + js(guarded + "/" + more) + ")).text();")
                  .toString()
                  .startsWith("failed: "),
              more);
        }
      }
      assertEquals(List.of(), tables(guarded, "guarded"));
    } finally {
      if (unguarded != null) {
        unguarded.destroyForcibly().waitFor();
      }
      TestEngine.delete(data);
    }
  }

  @Test
  void aHostNameThatResolvesToThisServer_isRefused() throws Exception {
    try (Browser browser = Browser.startOrSkip()) {
      URI engine = TestEngine.shared().url();
      browser.open("http://127.0.0.1:" + engine.getPort() + "/ping");
      assertEquals("Ok.", browser.text());
      // *.localhost is this machine in every browser, as a rebound name would be
      browser.open("http://evil.localhost:" + engine.getPort() + "/ping");
      assertTrue(browser.text().contains("Host must be"), browser.text());
      // a page of this very origin is answered
      browser.open("http://127.0.0.1:" + engine.getPort() + "/ping");
      assertEquals(
          "2\n",
          browser.run(
              "return await (await fetch('/', {method: 'POST', headers: {'X-ClickHouse-Key': "
                  + js(TestEngine.PASSWORD)
                  + "}, body: 'SELECT 1 + 1'})).text();"));
    }
  }
}
