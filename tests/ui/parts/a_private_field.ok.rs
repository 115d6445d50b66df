use cachefence::cachefence;

mod tenants {
    pub struct Tenant {
        pub id: u64,
    }

    impl Tenant {
        pub fn id(&self) -> u64 {
            self.id
        }
    }
}

#[cachefence(key = "tenant:<tenant.id>", ttl = 60)]
async fn double(tenant: &tenants::Tenant) -> u64 {
    tenant.id() * 2
}

fn main() {}
